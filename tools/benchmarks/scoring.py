"""Scoring one photo with a bank of 2,150 patches: PatchCore here and exported to OpenVINO, against anomalib's forward.

python -m tools.benchmarks.scoring
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import torch

from tgvig_core.bundles.runtimes import OpenvinoScorer
from tgvig_core.bundles.writers import write_onnx, write_openvino
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.models.backbones import EFFICIENTNET_LITE0
from tgvig_core.photos.images import read_normals
from tgvig_core.photos.views import ViewPolicy, views
from tools.benchmarks.row import Row, alternately, show

ROOT = Path(__file__).resolve().parents[2]
PART = ROOT / "assets" / "samples" / "hex_nut"
TOLERANCE = 1e-3
"""Largest relative difference of scores, and of maps against their highest value."""


def rows() -> list[Row]:
    torch.set_num_threads(os.cpu_count() or 1)
    detector, photo = trained(), read_normals([sorted((PART / "test").rglob("*.jpg"))[0]])
    image = photo.tensor(256)
    square = np.round((image * 0.5 + 0.5).mul(255).permute(0, 2, 3, 1).numpy()).astype(np.uint8)
    seen = (image * 0.5 + 0.5 - detector.features.mean) / detector.features.std
    wanted = detector.model(seen)
    wanted = float(wanted.pred_score), wanted.anomaly_map[0, 0].detach().numpy()
    what = f"scoring one photo, EfficientNet-Lite0, bank of {detector.remembered:,}"
    against = "anomalib's PatchCore forward"
    with torch.inference_mode(), tempfile.TemporaryDirectory() as folder:
        found = detector.score(image)
        notes = [same(wanted, (float(found.scores[0]), found.maps[0].numpy()))]
        times = [alternately(lambda: detector.score(image), lambda: detector.model(seen), 30)]
        scorer = exported(detector, Path(folder))
        scores, maps = scorer.look(square)
        notes.append(same(wanted, (float(scores[0]), maps[0])))
        times.append(alternately(lambda: scorer.look(square), lambda: detector.model(seen), 30))
    names = (what, f"{what}, as a bundle's OpenVINO model")
    return [Row(name, against, *time, 2.5, note) for name, time, note in zip(names, times, notes, strict=True)]


def trained() -> PatchCore:
    """One photo and twenty views of it: 21,504 patches, of which a tenth is remembered."""
    normal = read_normals([PART / "train" / "good" / "000.jpg"]).tensor(256)[0]
    pool = torch.cat([normal[None], views(normal, 20, ViewPolicy(), torch.Generator().manual_seed(0))])
    detector = PatchCore(EFFICIENTNET_LITE0)
    detector.fit(pool, [0] * len(pool))
    return detector


def exported(detector: PatchCore, folder: Path) -> OpenvinoScorer:
    write_onnx(detector, folder / "model.onnx")
    write_openvino(folder / "model.onnx", folder / "model.xml")
    graph, weights = ((folder / f"model.{suffix}").read_bytes() for suffix in ("xml", "bin"))
    return OpenvinoScorer(graph, weights, detector.size, os.cpu_count() or 1)


def same(wanted: tuple[float, np.ndarray], found: tuple[float, np.ndarray]) -> str:
    """How far a score and a map are from anomalib's, in words; ends the script where that is too far."""
    score = abs(found[0] / wanted[0] - 1)
    heat = float(np.abs(found[1] - wanted[1]).max() / wanted[1].max())
    if max(score, heat) > TOLERANCE:
        raise SystemExit(f"score {score:.1e} and map {heat:.1e} off anomalib's, more than {TOLERANCE:g}")
    return f"score {score:.0e} and map {heat:.0e} off (allowed {TOLERANCE:g})"


if __name__ == "__main__":
    show(rows())
