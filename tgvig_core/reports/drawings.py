"""Where the marks of a report's drawings lie, in the units of SVG 1.1 (up is less); templates/drawings.html draws them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tgvig_core.inspection.score_scale import shown

WIDTH = 480
"""Of both drawings."""
CURVE_HEIGHT, CURVE_LEFT, CURVE_BOTTOM, CURVE_TOP = 200, 68, 32, 16
"""Of the curve: its height, and the room for the numbers."""
MOST_NUMBERS = 12
"""Below the curve's axis."""
AXIS_LEFT, AXIS_LINE = 8, 72
"""Of the score axis: the room at both ends, the height of its line."""
MISSED, MIDDLING, FOUND = (253, 225, 205), (248, 244, 238), (198, 225, 243)
"""RGB of a cell: none found, half, all. All are pale enough for black text."""


@dataclass(frozen=True)
class Curve:
    """The similarity of each set as a line.

    Attributes:
        values: cosines, first iteration first. best: number (from 1) of the set that was used.
        points: (x, y) of each value. numbered: places (from 0) whose number stands below the axis.
        ends: the lowest and the highest value, each with its y. left, top, base: of the two axes.
    """

    values: tuple[float, ...]
    best: int
    points: tuple[tuple[float, float], ...]
    numbered: tuple[int, ...]
    ends: tuple[tuple[float, float], ...]
    width: int = WIDTH
    height: int = CURVE_HEIGHT
    left: int = CURVE_LEFT
    top: int = CURVE_TOP
    base: int = CURVE_HEIGHT - CURVE_BOTTOM


def curve(similarity: Sequence[float], best: int) -> Curve:
    """The curve of at least one cosine."""
    values = tuple(similarity)
    low, high = min(values), max(values)
    step = (WIDTH - CURVE_LEFT - 20) / max(len(values) - 1, 1)
    base = CURVE_HEIGHT - CURVE_BOTTOM
    points = tuple(
        (CURVE_LEFT + place * step, base - 12 - (value - low) / ((high - low) or 1.0) * (base - CURVE_TOP - 12))
        for place, value in enumerate(values)
    )
    every = math.ceil(len(values) / MOST_NUMBERS)
    ends = {low: points[values.index(low)][1], high: points[values.index(high)][1]}
    return Curve(values, best, points, tuple(range(0, len(values), every)), tuple(ends.items()))


@dataclass(frozen=True)
class Mark:
    """A tick of the score axis.

    Attributes:
        x: of the tick. words_x: of its words. raw: the raw score. shown: the same from 0 to 1.
    """

    x: float
    words_x: float
    raw: float
    shown: float


@dataclass(frozen=True)
class Axis:
    """Raw scores from 0 on, with a typical good part and the threshold."""

    typical: Mark
    threshold: Mark
    width: int = WIDTH
    left: int = AXIS_LEFT
    line: int = AXIS_LINE


def axis(threshold: float, typical: float, steepness: float) -> Axis:
    """The axis up to one and a half times the larger of two raw scores > 0; steepness: k, see score_scale."""
    end = 1.5 * max(threshold, typical)
    low, limit = (AXIS_LEFT + value / end * (WIDTH - 2 * AXIS_LEFT) for value in (typical, threshold))
    return Axis(
        Mark(low, max(low + 6, 125), typical, shown(typical, threshold, steepness)),
        Mark(limit, limit - 6, threshold, shown(threshold, threshold, steepness)),
    )


def tint(share: float) -> tuple[int, ...]:
    """RGB of a cell by the share in [0, 1] that was found: orange for none, blue for all."""
    low, high = (MISSED, MIDDLING) if share < 0.5 else (MIDDLING, FOUND)
    part = 2 * share % 1 if share < 1 else 1
    return tuple(round(a + part * (b - a)) for a, b in zip(low, high, strict=True))
