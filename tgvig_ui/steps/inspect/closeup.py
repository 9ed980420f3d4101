"""One inspected photo up close: the map over it, its regions, and the good spot that comes nearest to the strangest one."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
from PIL import Image

from tgvig_core.photos.images import read_photo, to_square, to_tensor
from tgvig_ui.jobs.page_detector import ASKING, loaded, stamp
from tgvig_ui.jobs.server import Server
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.results import Results, Row, region_rows, view


def looked_row(part: Part, found: Results) -> Row:
    """The photo that is looked at: the one that was clicked, else the strangest."""
    return next((row for row in found.rows if row.name == part.choices.looked_at), found.rows[0])


def look_at(server: Server, part: Part, found: Results, row: Row) -> tuple:
    """The two pictures of the slider, the rows of regions, the pair of crops."""
    choices = part.choices
    pictures = view(found, row, choices.overlay, choices.opacity)
    return pictures, region_rows(found, row, choices.pitch), _why(server, found, row)


def _why(server: Server, found: Results, row: Row) -> list:
    """The strangest spot and the remembered good spot nearest to it, cut out and enlarged."""
    server.service.pack()  # the heavy imports, behind its lock: the worker's may be under way
    run = found.folder.parent
    with ASKING:
        return list(_crops(run, row.path, row.map, (stamp(run / "model" / "model.json"), stamp(row.path))))


@functools.lru_cache(maxsize=64)
def _crops(run: Path, photo: Path, map_: Path, stamps: tuple[int, int]) -> tuple:
    """Kept, because a moved threshold and a decision draw the same photo again; `stamps` tell when it is another one.

    Empty where the detector does not say why (detectors/abilities.py).
    """
    from tgvig_core.detectors.abilities import Explainable

    detector = loaded(run / "model", stamps[0])
    if not isinstance(detector, Explainable):
        return ()
    square = to_square(read_photo(photo).pixels, detector.size)
    y, x = np.unravel_index(np.load(map_).argmax(), (detector.size, detector.size))
    evidence = detector.explain(to_tensor(square)[None], (int(x), int(y)))
    good = np.array(Image.open(run / "pool" / f"{evidence.image:04d}.png").convert("RGB"))
    named = f"good image {evidence.image + 1}"
    return (_crop(square, evidence.own_box), "this photo"), (_crop(good, evidence.box), named)


def _crop(pixels: np.ndarray, box: tuple[int, int, int, int]) -> Image.Image:
    x, y, width, height = box
    return Image.fromarray(pixels[y : y + height, x : x + width]).resize((192, 192), Image.Resampling.BICUBIC)
