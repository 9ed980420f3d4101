"""What a bundle is to hold, and which libraries its formats need; asked before torch has loaded (importlib.util.find_spec)."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from tgvig_core.bundles.manifest import FORMATS
from tgvig_core.utils.errors import TgvigError

NEEDS = {"torch": (), "onnx": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("onnx", "onnxscript", "openvino")}
"""Packages by format, called the same in the registry and in Python."""


def missing(format: str) -> list[str]:
    """Packages that a format needs and that are not installed."""
    return [name for name in NEEDS[format] if find_spec(name) is None]


@dataclass(frozen=True)
class Wishes:
    """What the bundle is to hold.

    Attributes:
        formats: some of FORMATS.
        with_normals: whether the good photos go along; the run's command can then be repeated from the bundle alone.
        threshold: a person's own in place of the calibrated one, raw.
        by_hand: sentences on what was done by hand and no command repeats.

    Raises:
        TgvigError: a format is unknown or its library missing, none is given, or the threshold is not above 0.
    """

    formats: tuple[str, ...] = FORMATS
    with_normals: bool = False
    threshold: float | None = None
    by_hand: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if unknown := set(self.formats) - set(FORMATS):
            raise TgvigError(f"There is no format {', '.join(sorted(unknown))}: choose some of {', '.join(FORMATS)}.")
        if not self.formats:
            raise TgvigError(f"No format was given: choose some of {', '.join(FORMATS)}.")
        if self.threshold is not None and not 0 < self.threshold < float("inf"):
            raise TgvigError(f"{self.threshold} is not a threshold: give a raw score above 0.")
        for name in self.formats:
            if lacking := missing(name):
                raise TgvigError(f"The format {name} needs {', '.join(lacking)}: pip install {' '.join(lacking)}.")
