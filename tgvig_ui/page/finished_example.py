"""A finished walk through the five steps, for whoever has no time or no GPU: assets/walk, opened as a part of its own.

tools/scripts/make_walk.py ran it and packed it. Left out is what can be made again exactly: the photos lie in assets/samples, sets
are lossless WebP strips, maps hold differences, and of the detector only what the packaged backbone does not bring.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from tgvig_core.photos.images import read_photo, save_png, to_square
from tgvig_core.runs.card import ModelCard
from tgvig_core.utils.checksums import check_shipped
from tgvig_core.utils.folders import ASSETS
from tgvig_ui.jobs.server import Server
from tgvig_ui.parts.generations import set_files
from tgvig_ui.parts.part import Part

WALK = ASSETS / "walk"
SAMPLE = "hex_nut"
HERE = "@part@"
"""Stands for the part's folder in the walk's files."""
NUMBER = 1
"""Its only generation."""


def open_ready(server: Server) -> Part:
    """A new part that is a copy of the finished walk. Loads no model and not torch either."""
    part = server.store.new()
    try:
        _fill(part, server.samples / SAMPLE)
    except BaseException:
        shutil.rmtree(part.folder, ignore_errors=True)
        raise
    return part


def _fill(part: Part, sample: Path) -> None:
    part.add_photos(sorted((sample / "train" / "good").iterdir()))
    for name in ("test", "ground_truth"):
        shutil.copytree(sample / name, part.folder / "tests" / name)
    run = part.generation(NUMBER)
    for file in sorted(path for path in WALK.rglob("*") if path.is_file()):
        check_shipped(file)
        target = part.folder / file.relative_to(WALK)
        target.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".webp":
            cut_strip(file, target.with_suffix(""))
        elif file.name == "maps.npz":
            for place, map_ in enumerate(unpacked_maps(file)):
                (target.parent / "maps").mkdir(exist_ok=True)
                np.save(target.parent / "maps" / f"{place}.npy", map_)
        elif file.suffix == ".safetensors":
            shutil.copyfile(file, target)
        else:
            text = file.read_text(encoding="utf-8").replace(HERE, part.folder.as_posix())
            target.write_text(text, encoding="utf-8")
    fill_pool(part, run / "pool")


def cut_strip(strip: Path, folder: Path) -> None:
    """The images of a set from a strip in which they lie below each other."""
    folder.mkdir(parents=True)
    with Image.open(strip) as image:
        side = image.width
        for place in range(image.height // side):
            cut = image.crop((0, place * side, side, (place + 1) * side))
            cut.save(folder / f"{place:03d}.png", compress_level=1)


def packed_maps(maps: Sequence[np.ndarray], file: Path) -> None:
    """Write float16 maps, as the differences of neighbours' bits: half as large as the maps themselves."""
    bits = np.stack(maps).view(np.uint16)
    np.savez_compressed(file, np.diff(bits, axis=2, prepend=np.uint16(0)))


def unpacked_maps(file: Path) -> np.ndarray:
    """The reverse of `packed_maps`, N×S×S float16."""
    with np.load(file) as held:
        return np.cumsum(held["arr_0"], axis=2, dtype=np.uint16).view(np.float16)


def fill_pool(part: Part, folder: Path) -> None:
    """The images that the detector remembers, in their order (Jobs.train writes the same)."""
    card = ModelCard.read(part.generation(NUMBER) / "model")
    folder.mkdir()
    photos = part.photos()
    for place, path in enumerate(photos):
        save_png(to_square(read_photo(path).pixels, card.saved.size), folder / f"{place:04d}.png")
    out = {*card.rejected, *card.training_set.excluded}
    files = [file for k, file in enumerate(set_files(part, NUMBER, card.chosen_set or 0)) if k not in out]
    for place, file in enumerate(files, len(photos)):
        shutil.copyfile(file, folder / f"{place:04d}.png")
