"""One inspected photo up close: the map over it, its regions, and the good spot that comes nearest to the strangest one."""

from __future__ import annotations

import functools
import threading
from pathlib import Path

import numpy as np
from PIL import Image

from tgvig_core.photos.images import read_photo, to_square, to_tensor
from tgvig_ui.jobs.server import Server
from tgvig_ui.parts.results import Results, Row, region_rows, view
from tgvig_ui.parts.store import Part

_comparing = threading.Lock()  # one at a time, however many tabs ask: the worker needs the processor, too


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
    with _comparing:
        return list(_crops(run, row.path, row.map, (_stamp(run / "model" / "model.json"), _stamp(row.path))))


def scored(server: Server, model: Path, image, exclude_group: int | None):
    """Score and map of one image in the detector's frame, 3×S×S in [-1, 1] (tgvig_core.detectors.base.ScoreSet)."""
    server.service.pack()
    with _comparing:
        return _detector(model, _stamp(model / "model.json")).score(image[None], exclude_group=exclude_group)


@functools.lru_cache(maxsize=64)
def _crops(run: Path, photo: Path, map_: Path, stamps: tuple[int, int]) -> tuple:
    """Kept, because a moved threshold and a decision draw the same photo again; `stamps` tell when it is another one."""
    detector = _detector(run / "model", stamps[0])
    square = to_square(read_photo(photo).pixels, detector.size)
    y, x = np.unravel_index(np.load(map_).argmax(), (detector.size, detector.size))
    evidence = detector.explain(to_tensor(square)[None], (int(x), int(y)))
    good = np.array(Image.open(run / "pool" / f"{evidence.image:04d}.png").convert("RGB"))
    named = f"good image {evidence.image + 1}"
    return (_crop(square, evidence.own_box), "this photo"), (_crop(good, evidence.box), named)


@functools.lru_cache(maxsize=1)
def _detector(folder: Path, stamp: int):
    """On the processor: one photo takes a tenth of a second there, and a GPU's memory stays the worker's."""
    from tgvig_core.detectors.base import load_detector

    return load_detector(folder, "cpu")


def _stamp(file: Path) -> int:
    return file.stat().st_mtime_ns


def _crop(pixels: np.ndarray, box: tuple[int, int, int, int]) -> Image.Image:
    x, y, width, height = box
    return Image.fromarray(pixels[y : y + height, x : x + width]).resize((192, 192), Image.Resampling.BICUBIC)
