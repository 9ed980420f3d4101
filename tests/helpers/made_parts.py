"""Parts as the jobs leave them, made at once: photos of noise, an inspection with scores that are given by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from made_cards import card_json
from photos import noise

from tgvig_core.inspection.score_scale import steepness
from tgvig_core.photos.images import save_png
from tgvig_ui.jobs.server import Server
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.store import Store

SIZE = 64
THRESHOLD = 1.0


def server_of(folder: Path, local: bool = True, job: SimpleNamespace | None = None) -> Server:
    """A server without models; `job` is what every part is said to be doing."""
    service = SimpleNamespace(pack=lambda: None)
    executor = SimpleNamespace(status=lambda folder: job)
    (folder / "samples").mkdir()
    return Server(Store(folder / "parts"), service, executor, folder / "samples", local)


def photo_files(folder: Path, *seeds: int) -> list[Path]:
    """A photo of noise for each seed, called after it."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        save_png(noise(seed), folder / f"photo{seed}.png")
    return [folder / f"photo{seed}.png" for seed in seeds]


def inspected(
    part: Part, scores: Sequence[float], defective: Sequence[bool] | None = None, number: int = 1
) -> list[Path]:
    """Add a test photo for each score, and the inspection of a generation that gave these scores."""
    files = photo_files(part.folder.parent.parent / "given", *range(100, 100 + len(scores)))
    tests = part.add_photos(files, "tests/test")
    run, labels = part.generation(number), defective or [None] * len(scores)
    for name in ("model", "inspect/maps", "inspect/heatmaps"):
        (run / name).mkdir(parents=True, exist_ok=True)
    card = card_json("tgvig", THRESHOLD)
    card["calibration"]["steepness"] = steepness(THRESHOLD, THRESHOLD / 2)
    (run / "model" / "model.json").write_text(json.dumps(card))
    rows = []
    for place, (path, score, label) in enumerate(zip(tests, scores, labels, strict=True)):
        rows.append(
            {"path": str(path), "score": score, "map": place, "defective": label, "heatmap": f"{path.stem}.png"}
        )
        np.save(run / "inspect" / "maps" / f"{place}.npy", np.eye(SIZE, dtype=np.float16) * score)
        save_png(noise(place), run / "inspect" / "heatmaps" / f"{path.stem}.png")
    figures = {"image_auroc": 0.75, "f1_max": 0.8, "false_alarm": 0.123, "miss": 0.456} if defective else {}
    (run / "inspect" / "scores.json").write_text(json.dumps({"images": rows, "figures": figures}))
    part.choose(object_name="nut", generation=number)
    return tests
