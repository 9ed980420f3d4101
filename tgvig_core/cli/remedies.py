"""What the command line adds to an error of the core, which knows settings and no options."""

from __future__ import annotations

from tgvig_core.utils.errors import TgvigError

OPTIONS = {
    "device": "--device cpu", "engine": "--engine local", "models_dir": "--models-dir DIR", "out": "--out DIR",
    "resume": "--resume", "root": "--root DIR", "test": "--test DIR", "words": "--words WORD,WORD",
}  # fmt: skip
"""By TgvigError.setting."""


def remedy(error: TgvigError) -> str:
    """The option to give, in brackets; empty where the error names no setting."""
    option = OPTIONS.get(error.setting)
    return f" ({option})" if option else ""
