"""What synthetic defects look like: DRAEM (ICCV 2021), CutPaste (CVPR 2021), NSA (ECCV 2022), and what light and dirt do.

A defect is one function under `@defect` (registry.py). No other images are needed: all material comes from the photo itself.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import splu

from tgvig_core.synthetic.registry import defect
from tgvig_core.synthetic.shapes import Place, bar, curve, depth, radius, ragged, spot

Shown = tuple[np.ndarray, np.ndarray]
"""M and P."""

CELLS = 12
"""Cells a side into which the photo is cut for the texture's source; MemSeg (Yang et al., 2023) cuts 4 × 8."""


@defect("texture", title="spots of another texture", about="A ragged spot of another texture, made from your photo.")
def texture(place: Place) -> Shown:
    """Another texture in a ragged spot. DRAEM takes it from DTD; here, as MemSeg's structural source, from the photo."""
    return ragged(place), _shuffled(place)


@defect(
    "cut_paste",
    title="patches in the wrong place",
    about="A rectangle from elsewhere on the part, a little lighter or darker.",
)
def cut_paste(place: Place) -> Shown:
    """A rectangle from elsewhere on the part, its light changed."""
    return bar(place, 1, 3), _elsewhere(place) + _tint(place.random.uniform(-0.3, 0.3), place)


@defect(
    "scar", title="strips in the wrong place", about="A long thin strip from elsewhere on the part, lighter or darker."
)
def scar(place: Place) -> Shown:
    """A long thin rectangle from elsewhere on the part, its light changed more."""
    light = place.random.choice([-1, 1]) * place.random.uniform(0.2, 0.7)
    return bar(place, 5, 12), _elsewhere(place) + _tint(light, place)


@defect(
    "blend",
    title="patches without a visible edge",
    about="A piece from elsewhere on the part, set in without an edge, its contrast raised.",
)
def blend(place: Place) -> Shown:
    """A piece from elsewhere on the part without a seam (Poisson blending, as in NSA), its contrast raised.

    NSA takes the piece from another photo; in one photo only its contrast can differ enough to be seen.
    """
    inside = radius(place) <= 1
    inside[[0, -1]], inside[:, [0, -1]] = False, False  # the frame's border has no neighbours beyond
    contrast = place.random.choice([-1, 1]) * place.random.uniform(1.5, 4)
    return inside.astype(np.float32), poisson(place.image, contrast * _elsewhere(place), inside)


@defect("scratch", title="scratches", about="A thin bent line, lighter or darker than what it crosses.", sizes="width")
def scratch(place: Place) -> Shown:
    """A thin curved line, lighter or darker than what it crosses."""
    return curve(place), place.image + place.random.choice([-1, 1]) * place.random.uniform(0.6, 1.2)


@defect("dent", title="dents", about="Light and shade of a small bump or hollow; the surface itself stays.")
def dent(place: Place) -> Shown:
    """Light and shade of a smooth bump or hollow (1 − ρ²)² under light from one side; the surface itself stays."""
    rho = radius(place)
    down, across = np.gradient(np.clip(1 - rho**2, 0, None) ** 2)
    angle = place.random.uniform(0, 2 * np.pi)
    shade = down * np.sin(angle) + across * np.cos(angle)
    return (rho < 1).astype(np.float32), place.image + 0.7 * shade / max(float(abs(shade).max()), 1e-6)


@defect("blob", title="stains", about="A stain that fades out, lighter or darker.")
def blob(place: Place) -> Shown:
    """A stain that fades out, lighter or darker; what lies under it shows through."""
    tone = place.random.choice([-1, 1]) * place.random.uniform(0.6, 1.0)
    return spot(place, 0.6), place.image + _tint(tone, place)


@defect(
    "missing",
    title="missing pieces",
    about="A piece broken off: the background shows. Where there is none, a dark hole.",
    place="edge",
)
def missing(place: Place) -> Shown:
    """A piece broken off: the background shows. Where the photo has none, a dark hole."""
    outside = depth(place.depth == 0)
    hole = spot(place, min(1.0, 4 / place.size))  # a sharp rim, 2 px
    if not outside.any():
        return hole, 0.15 * place.image - 0.85
    if (outside > place.size / 2).any():
        return hole, _moved(place, outside > place.size / 2)
    down, across = ndimage.distance_transform_edt(outside == 0, return_indices=True, return_distances=False)
    return hole, place.image[:, down, across]  # the nearest background


@defect("colour", title="spots of another colour", about="A soft region of another colour, about as light as before.")
def colour(place: Place) -> Shown:
    """Another hue in a soft region, about as light as before."""
    shift = place.random.normal(size=(3, 1, 1))
    shift -= shift.mean()
    return spot(place, 0.8), place.image + 0.8 * shift / max(float(np.linalg.norm(shift)), 1e-6)


def _shuffled(place: Place) -> np.ndarray:
    """The photo cut into cells, each turned and put elsewhere; channels exchanged, contrast and light changed."""
    channels, height, width = place.image.shape
    side = max(2, round(min(height, width) / CELLS))
    padded = np.pad(place.image, ((0, 0), (0, -height % side), (0, -width % side)), mode="symmetric")
    down, across = padded.shape[1] // side, padded.shape[2] // side
    cells: np.ndarray = (
        padded.reshape(channels, down, side, across, side).transpose(1, 3, 0, 2, 4).reshape(-1, channels, side, side)
    )
    cells = place.random.permutation(cells)
    for turns in (1, 2, 3):
        cells[turns::4] = np.rot90(cells[turns::4], turns, (2, 3))
    cells = cells.reshape(down, across, channels, side, side).transpose(2, 0, 3, 1, 4).reshape(padded.shape)
    gain = place.random.choice([-1, 1]) * place.random.uniform(0.7, 1.6)
    light = _tint(place.random.uniform(-0.5, 0.5), place)
    return cells[place.random.permutation(3), :height, :width] * gain + light


def _tint(light: float, place: Place) -> np.ndarray:
    """A change of light that is not quite grey, C×1×1."""
    return light + place.random.normal(0, 0.08, (len(place.image), 1, 1))


def _elsewhere(place: Place) -> np.ndarray:
    """The photo moved so that some other place of the part lies at the centre."""
    return _moved(place, place.depth >= min(place.size / 2, 0.7 * place.depth.max()))


def _moved(place: Place, sources: np.ndarray) -> np.ndarray:
    rows, columns = np.nonzero(sources)
    chosen = place.random.integers(len(rows))
    half = int(np.ceil(place.size / 2))  # the piece shall not wrap around the frame
    row, column = (
        int(np.clip(at[chosen], half, length - 1 - half))
        for at, length in zip((rows, columns), place.shape, strict=True)
    )
    return np.roll(place.image, (place.row - row, place.column - column), axis=(1, 2))


def poisson(image: np.ndarray, source: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The f with Δf = Δg inside and f = f* elsewhere (Pérez et al., SIGGRAPH 2003, eq. 3): g plus a membrane.

    Args:
        image: f*, C×H×W. source: g, C×H×W. inside: Ω, H×W bool, False on the frame's border.
    """
    rows, columns = np.nonzero(inside)
    if len(rows) == 0:
        return image
    blended, number = image.copy(), np.full(inside.shape, -1)
    number[rows, columns] = np.arange(len(rows))
    gap = (image - source).astype(np.float64)  # f* − g, which the membrane takes on ∂Ω
    edge, links = np.zeros((len(rows), len(image))), []
    for down, across in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        neighbour = number[rows + down, columns + across]
        within = neighbour >= 0
        links.append(np.stack([np.flatnonzero(within), neighbour[within]]))
        edge[~within] += gap[:, (rows + down)[~within], (columns + across)[~within]].T
    at, to = np.concatenate(links, 1)
    laplacian = diags_array(np.full(len(rows), 4.0)) - csr_array((np.ones(len(at)), (at, to)), (len(rows),) * 2)
    blended[:, inside] = source[:, inside] + splu(laplacian.tocsc()).solve(edge).T
    return blended
