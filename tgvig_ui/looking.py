"""One inspected photo up close: the map over it, its regions, and the good spot that comes nearest to the strangest one."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from PIL import Image

from tgvig_core.images import read_photo, to_square, to_tensor
from tgvig_ui.results import Results, Row, region_rows, results, view
from tgvig_ui.server import Server
from tgvig_ui.store import Part


def looked_row(part: Part) -> Row | None:
    """The photo that is looked at: the one that was clicked, else the strangest."""
    found = results(part)
    if not found:
        return None
    return next((row for row in found.rows if row.name == part.choices.looked_at), found.rows[0])


def look_at(server: Server, part: Part, found: Results, row: Row) -> tuple:
    """The two pictures of the slider, the rows of regions, the pair of crops."""
    choices = part.choices
    pictures = view(found, row, choices.overlay, choices.opacity)
    return pictures, region_rows(found, row, choices.pitch), _why(server, found, row)


def _why(server: Server, found: Results, row: Row) -> list:
    """The strangest spot and the remembered good spot nearest to it, cut out and enlarged."""
    from tgvig_core.evidence import nearest_normal

    model = found.folder.parent / "model"
    detector = _detector(model, (model / "model.json").stat().st_mtime_ns, server.service.device())
    square = to_square(read_photo(row.path).pixels, detector.size)
    y, x = np.unravel_index(np.load(row.map).argmax(), (detector.size, detector.size))
    evidence = nearest_normal(detector, to_tensor(square)[None], (int(x), int(y)))
    good = np.array(Image.open(found.folder.parent / "pool" / f"{evidence.image:04d}.png").convert("RGB"))
    crops = [_crop(square, evidence.own_box), _crop(good, evidence.box)]
    return list(zip(crops, ("this photo", f"good image {evidence.image + 1}"), strict=True))


@functools.lru_cache(maxsize=1)
def _detector(folder: Path, stamp: int, device: str):
    from tgvig_core.detectors import PatchCore

    return PatchCore.load(folder, device)[0]


def _crop(pixels: np.ndarray, box: tuple[int, int, int, int]) -> Image.Image:
    x, y, width, height = box
    return Image.fromarray(pixels[y : y + height, x : x + width]).resize((192, 192), Image.Resampling.BICUBIC)
