"""The one error that a person can mend: a sentence that names the file or value, and the remedy."""

from __future__ import annotations

import re

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Control characters, line separators, and what turns the direction of writing (Unicode TR 36, section 2.3)."""


LONGEST = 1000
"""Characters of a sentence; of a longer one its beginning and its end stay, which holds the remedy."""


class TgvigError(Exception):
    """A problem in what was given (a photo, a word, a setting, a missing file) with what to do about it.

    The command line prints the message as it is and leaves with exit code 2; anything else is a bug and keeps
    its traceback. What it names may be a stranger's file: a name cannot break the sentence in two or move the cursor,
    and a value of 10,000 characters is not given back whole.

    Attributes:
        setting: what has to be given otherwise, by the name it has in the library; empty where nothing has. The command
            line adds its option, the page may add its field.
    """

    def __init__(self, sentence: str, setting: str = "") -> None:
        self.setting = setting
        line = one_line(sentence)
        super().__init__(line if len(line) <= LONGEST else f"{line[:600]} … {line[-300:]}")


def one_line(text: str) -> str:
    """The text with every character that would not be seen as itself written out, such as \\n or \\x1b."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class Stopped(Exception):
    """Raised inside a long step when its stop event is set; what was finished before is kept."""
