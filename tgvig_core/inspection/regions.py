"""Where the defects are: connected regions of a map above its threshold (Rosenfeld and Pfaltz, JACM 1966), outlined.

Maps are in the photo's own geometry (`images.from_square` brings the detector's there). The list of regions and the
outlines agree: both leave out the same specks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from tgvig_core.utils.errors import TgvigError

LEAST_SHARE = 2e-4
"""Smaller regions are specks, a share of the photo: 13 px of 256 × 256, a fifth of one patch of the detector."""

LINE_SHARE = 1 / 256
"""Width of an outline, a share of the photo's longer side, but at least 1 px."""

CORE, RIM = (0, 255, 255), (0, 0, 0)
"""Cyan in black: no map colour, and whatever lies beside it, one of the two differs by 4 : 1 (WCAG 2.1 asks for 3 : 1)."""

_EIGHT = np.ones((3, 3), dtype=bool)  # corners connect too


@dataclass(frozen=True)
class Region:
    """One connected region above the threshold.

    Attributes:
        x, y, width, height: the box around it, px of the photo.
        area: its pixels.
        peak: its highest raw map value.
        peak_at: (x, y) of that value in the photo, px.
    """

    x: int
    y: int
    width: int
    height: int
    area: int
    peak: float
    peak_at: tuple[int, int]

    def size_mm(self, pitch: float) -> tuple[float, float, float]:
        """Width and height in mm and the area in mm².

        Args:
            pitch: mm on the part that one px of the photo covers, the same in both directions.

        Raises:
            TgvigError: the pitch is not a positive number.
        """
        if not (pitch > 0 and math.isfinite(pitch)):
            raise TgvigError(f"{pitch} mm per px is not a scale: give a number above 0, such as 0.05.")
        return self.width * pitch, self.height * pitch, self.area * pitch**2


def regions(anomaly_map: np.ndarray, threshold: float, least_area: int | None = None) -> tuple[Region, ...]:
    """The regions above the threshold (8-connected), the one with the highest peak first.

    Args:
        anomaly_map: H×W raw values in the photo's own geometry.
        threshold: raw value; a region's pixels are greater.
        least_area: px below which a region is a speck; None takes LEAST_SHARE of the photo.
    """
    found = []
    for (down, across), inside in _above(anomaly_map, threshold, least_area):
        values = np.where(inside, anomaly_map[down, across], -np.inf)
        row, column = np.unravel_index(values.argmax(), values.shape)
        x, y, (height, width) = across.start, down.start, inside.shape
        peak_at = (x + int(column), y + int(row))
        found.append(Region(x, y, width, height, int(inside.sum()), float(values[row, column]), peak_at))
    return tuple(sorted(found, key=lambda region: -region.peak))


def _above(
    anomaly_map: np.ndarray, threshold: float, least_area: int | None = None
) -> list[tuple[tuple[slice, slice], np.ndarray]]:
    """Box (rows, columns) and pixels (bool, of the box's shape) of every region that is no speck."""
    labels, _ = ndimage.label(anomaly_map > threshold, structure=_EIGHT)
    least = LEAST_SHARE * anomaly_map.size if least_area is None else least_area
    parts = ((box, labels[box] == number) for number, box in enumerate(ndimage.find_objects(labels), 1))
    return [(box, inside) for box, inside in parts if inside.sum() >= least]


def contours(anomaly_map: np.ndarray, threshold: float) -> np.ndarray:
    """Outlines of the regions, specks left out: H×W bool, the outermost pixels of each region, LINE_SHARE wide.

    Args:
        anomaly_map: H×W raw values in the photo's own geometry.
    """
    filled = np.zeros(anomaly_map.shape, dtype=np.uint8)
    for box, inside in _above(anomaly_map, threshold):
        filled[box] |= inside
    # What is farther than the line's width from any outside pixel; beyond the photo's edge is outside.
    core = ndimage.minimum_filter(filled, 2 * _line(filled.shape) + 1, mode="constant", cval=0)
    return filled > core


def _line(shape: tuple[int, ...]) -> int:
    return max(1, round(LINE_SHARE * max(shape)))


def outlined(pixels: np.ndarray, anomaly_map: np.ndarray, threshold: float) -> np.ndarray:
    """A copy of the photo with the regions' outlines in CORE, in a RIM of half that width on both sides.

    Args:
        pixels: H×W×3 uint8. anomaly_map: H×W raw values in the photo's own geometry.

    Raises:
        ValueError: the map does not have the photo's height and width.
    """
    if anomaly_map.shape != pixels.shape[:2]:
        raise ValueError(f"A map of {pixels.shape[:2]} is needed, not {anomaly_map.shape}: see images.from_square")
    line = contours(anomaly_map, threshold)
    rim = max(1, _line(line.shape) // 2)
    shown = pixels.copy()
    shown[ndimage.maximum_filter(line, 2 * rim + 1)] = RIM
    shown[line] = CORE
    return shown
