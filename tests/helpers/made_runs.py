"""A finished run of photos alone, without prompts and generated sets: everything about its detector is real."""

from __future__ import annotations

from pathlib import Path

from photos import normals

from tgvig_core.fitting.training_sets import REAL
from tgvig_core.models.backbones import EFFICIENTNET_LITE0, Backbone
from tgvig_core.packs.registry import PACKS, Models
from tgvig_core.photos.images import read_normals
from tgvig_core.runs.settings import SIZE, RunSettings
from tgvig_core.runs.steps.fit import train
from tgvig_core.runs.work import Work
from tgvig_core.storage.run_folder import Run


def photos_run(folder: Path, name: str = "bottle", count: int = 2, backbone: Backbone = EFFICIENTNET_LITE0) -> Path:
    """RUN with config.json, journal.jsonl and model/, trained from the first good photos of a category."""
    photos = tuple(map(str, normals(name, count)))
    settings = RunSettings(photos, name, str(folder), pack="embedded", device="cpu", arm="real", prompt=f"a {name}")
    taken = read_normals(photos)
    run = Run.create(
        folder, {"settings": settings.as_json(), "photos_sha256": [photo.sha256 for photo in taken.photos]}
    )
    run.journal("start", pack="embedded", device="cpu")
    work = Work(settings, run, Models(PACKS["embedded"], None, None, backbone), "cpu", taken)
    train(work, taken.tensor(SIZE), None, REAL)
    return folder
