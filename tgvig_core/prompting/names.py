"""W° and P as people write them (TGVIG, Lee and Choi, CVPR 2024, section 4.1): cleaned, or refused in one sentence."""

from __future__ import annotations

import unicodedata

from tgvig_core.utils.errors import TgvigError

MAX_NAME, MAX_PROMPT = 80, 300  # characters
ARTICLES = ("a", "an", "the")


def clean_name(name: str) -> str:
    """An object's name W° as people write it: spaces for underscores, no article in front, at most 80 characters.

    Raises:
        TgvigError: the name is empty, too long, has control characters, or has no letter.
    """
    text = unicodedata.normalize("NFC", name).replace("_", " ")
    text = " ".join(text.split())
    if not text:
        raise TgvigError("The object has no name. Give one, such as `metal nut`.")
    if len(text) > MAX_NAME:
        raise TgvigError(
            f"The object's name has {len(text)} characters ({text[:30]}…); give one of at most {MAX_NAME}."
        )
    if not text.isprintable():
        raise TgvigError(f"The object's name {text!r} holds a character that cannot be printed; type it again.")
    if not any(character.isalpha() for character in text):
        raise TgvigError(f"The object's name {text!r} holds no letter; give a word for it, such as `metal nut`.")
    first, _, rest = text.partition(" ")
    return rest if rest and first.lower() in ARTICLES else text


def clean_prompt(text: str) -> str:
    """A person's own prompt P in one line, at most 300 characters: CLIP reads 77 tokens.

    Raises:
        TgvigError: it is empty, too long, or has control characters.
    """
    prompt = " ".join(unicodedata.normalize("NFC", text).split())
    if not prompt:
        raise TgvigError("The prompt is empty: write one, or give none.")
    if len(prompt) > MAX_PROMPT:
        raise TgvigError(f"The prompt has {len(prompt)} characters ({prompt[:30]}…); give one of at most {MAX_PROMPT}.")
    if not prompt.isprintable():
        raise TgvigError(f"The prompt {prompt!r} holds a character that cannot be printed; type it again.")
    return prompt
