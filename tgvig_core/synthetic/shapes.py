"""Shapes of synthetic defects as opacities: ragged spots of Perlin noise (Perlin, SIGGRAPH 1985), bars, blobs, curves.

Every shape is H×W float32 in [0, 1], 0 beyond half its size from its centre (a curve: from its line). Lengths are px.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class Place:
    """Where a defect goes: everything that its shape and its look are made from.

    Attributes:
        image: 3×H×W float32 in [-1, 1].
        depth: H×W, `depth` of the part: 0 outside it.
        row, column: the centre, a pixel.
        size: longest extent; of a scratch, the width of its line.
        random: where all draws come from.
    """

    image: np.ndarray
    depth: np.ndarray
    row: int
    column: int
    size: float
    random: np.random.Generator

    @property
    def shape(self) -> tuple[int, int]:
        """H, W."""
        return self.depth.shape

    def around(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns counted from the centre, both H×W."""
        rows, columns = np.indices(self.shape, dtype=np.float32)
        return rows - self.row, columns - self.column

    def turned(self) -> tuple[np.ndarray, np.ndarray]:
        """The same along two axes at a random angle."""
        (y, x), angle = self.around(), self.random.uniform(0, np.pi)
        return y * np.cos(angle) - x * np.sin(angle), y * np.sin(angle) + x * np.cos(angle)


def ragged(place: Place) -> np.ndarray:
    """M of DRAEM and RealNet: binarised Perlin noise, here within one spot instead of all over the photo."""
    y, x = place.around()
    distance, cell = np.hypot(y, x), max(1.5, place.size / 3)
    near = distance <= place.size / 2
    y, x = y[near] / cell, x[near] / cell
    noise = perlin(y, x, place.random) + 0.5 * perlin(2 * y, 2 * x, place.random)
    shape = np.zeros(place.shape, np.float32)
    shape[near] = noise + 1 - 2.2 * distance[near] / place.size > 0.2
    shape[place.row, place.column] = 1
    return shape


def perlin(y: np.ndarray, x: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Gradient noise, about -0.7 to 0.7, at points given in cells of its lattice."""
    lattice = random.uniform(0, 2 * np.pi, (64, 64)).astype(np.float32)  # directions, repeated every 64 cells
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    v, u = y - top, x - left

    def corner(down: int, across: int) -> np.ndarray:
        angle = lattice[(top + down) % 64, (left + across) % 64]
        return np.cos(angle) * (u - across) + np.sin(angle) * (v - down)

    fade_v, fade_u = (t**3 * (t * (t * 6 - 15) + 10) for t in (v, u))
    upper = corner(0, 0) * (1 - fade_u) + corner(0, 1) * fade_u
    lower = corner(1, 0) * (1 - fade_u) + corner(1, 1) * fade_u
    return upper * (1 - fade_v) + lower * fade_v


def bar(place: Place, least: float, most: float) -> np.ndarray:
    """A turned rectangle whose length is `least` to `most` times its width (CutPaste: a patch or a scar)."""
    along, across = place.turned()
    aspect = place.random.uniform(least, most)
    length = place.size * aspect / np.hypot(1, aspect)  # the diagonal is the size
    width = max(1.0, length / aspect)
    return ((abs(along) <= length / 2) & (abs(across) <= width / 2)).astype(np.float32)


def radius(place: Place) -> np.ndarray:
    """Distance from the centre as a share of a lumpy, turned outline's: 0 at the centre, 1 on the outline, ∞ far away."""
    along, across = place.turned()
    near = np.hypot(along, across) <= place.size / 2
    along, across = along[near], across[near] * place.random.uniform(1, 1.6)
    angle = np.arctan2(across, along)
    outline = np.ones_like(angle)
    for waves in (2, 3, 4, 5, 7):
        outline += place.random.uniform(-0.3, 0.3) / waves * np.cos(waves * angle + place.random.uniform(0, 2 * np.pi))
    share = np.full(place.shape, np.inf)
    share[near] = 2 * np.hypot(along, across) / place.size * outline.max() / outline
    return share


def spot(place: Place, edge: float) -> np.ndarray:
    """A lumpy blob that fades over its outermost part, `edge` in (0, 1] of its radius."""
    return smooth_step((1 - radius(place)) / edge)


def curve(place: Place) -> np.ndarray:
    """A line `size` px wide and 12 to 40 times as long, bent once, fading towards its ends (a quadratic Bézier curve)."""
    length = min(place.size * place.random.uniform(12, 40), 0.5 * min(place.shape))
    angle, bend = place.random.uniform(0, np.pi), place.random.uniform(-0.25, 0.25)
    along = np.array([np.sin(angle), np.cos(angle)])
    middle, aside = np.array([place.row, place.column]), bend * length * np.array([along[1], -along[0]])
    t = np.linspace(0, 1, int(4 * length) + 2)[:, None]
    line = middle + (t - 0.5) * length * along + 2 * t * (1 - t) * 2 * aside - aside  # passes through the centre
    distance, nearest = cKDTree(line).query(
        np.indices(place.shape).reshape(2, -1).T, distance_upper_bound=place.size + 2
    )
    fade = np.append(smooth_step(5 * np.minimum(t, 1 - t)[:, 0]), 0)  # the last: for pixels far from the line
    return (np.clip(place.size / 2 + 0.5 - distance, 0, 1) * fade[nearest]).astype(np.float32).reshape(place.shape)


def smooth_step(x: np.ndarray) -> np.ndarray:
    """3x² − 2x³ between 0 and 1, flat beyond."""
    x = np.clip(x, 0, 1).astype(np.float32)
    return x * x * (3 - 2 * x)


def depth(part: np.ndarray) -> np.ndarray:
    """Distance of every pixel of the part from what is not part or not in the photo, px."""
    return ndimage.distance_transform_edt(np.pad(part, 1))[1:-1, 1:-1]
