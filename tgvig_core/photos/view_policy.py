"""How views of a normal image may differ from it (views.py makes them); plain values, known before torch has loaded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ViewPolicy:
    """What may differ between two good photos of the part. Flips and rotations by 90° only when the person says so.

    Attributes:
        degrees: largest rotation either way.
        shift: largest shift either way, as a share of the side.
        light: largest change of brightness and of contrast, as a share.
        flips: the part may appear mirrored, left–right or up–down.
        turns: the part may appear rotated by 90°.
    """

    degrees: float = 2.0
    shift: float = 0.01
    light: float = 0.1
    flips: bool = False
    turns: bool = False
