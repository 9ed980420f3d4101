"""The one error that a person can mend: a sentence that names the file or value, and the remedy."""

from __future__ import annotations


class TgvigError(Exception):
    """A problem in what was given (a photo, a word, a setting, a missing file) with what to do about it.

    The command line prints the message as it is and leaves with exit code 2; anything else is a bug and keeps
    its traceback.
    """


class Stopped(Exception):
    """Raised inside a long step when its stop event is set; what was finished before is kept."""
