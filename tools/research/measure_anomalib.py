"""What anomalib's own defaults do with a few good photos and no defects: whether they run, false alarms, misses.

    python -m tools.research.measure_anomalib --data DIR --out FILE [--categories bottle …] [--shots 1 2 5 10] [--seeds 5]

`Folder(normal_dir=…)`, `Patchcore` and `Engine` with their defaults but for the backbone, which is the embedded one here as
there. The same draws and test photos as in measure_thresholds.py; the verdict is the one that anomalib's post-processor
gives. FILE gets a JSON line per cell as it ends; the same command goes on where it was interrupted.
"""

from __future__ import annotations

import random
import shutil
import statistics
import tempfile
import warnings
from pathlib import Path

import torch
from anomalib.data import Folder
from anomalib.engine import Engine
from anomalib.models import Patchcore
from torch import Tensor

from tgvig_core.models.backbones import patchcore_model
from tgvig_core.packs import registry
from tools.research.measure_thresholds import Part, measured
from tools.research.threshold_tables import cells, percent


def main() -> None:
    """Measure what is missing, then print the table."""
    warnings.filterwarnings("ignore")
    print(table(measured(__doc__, measure, ["patchcore-anomalib"])))


def measure(part: Part, shots: int, seed: int) -> dict:
    """One cell: the error that training ends with, or the verdicts' shares."""
    with tempfile.TemporaryDirectory() as root:
        good = Path(root) / "good"
        good.mkdir()
        for path in random.Random(seed).sample(part.train, shots):
            shutil.copy(path, good / path.name)
        model = patchcore()
        data = Folder(name=part.folder.name, root=root, normal_dir="good", num_workers=0)
        engine = Engine(accelerator="cpu", default_root_dir=root, logger=False, enable_progress_bar=False)
        try:
            engine.fit(model, datamodule=data)
        except Exception as error:  # which one is what is measured
            return {"error": f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"}
    model.eval()
    threshold = float(model.post_processor._image_threshold)
    found = {kind: anomalous(model, photos) for kind, photos in (("good", part.good), ("bad", part.bad))}
    return {"threshold": None if threshold != threshold else round(threshold, 3),
            "false_alarm": float(found["good"].float().mean()), "miss": float((~found["bad"]).float().mean())}  # fmt: skip


def patchcore() -> Patchcore:
    """anomalib's model with its defaults over the embedded backbone."""
    pack, _ = registry.choose("embedded")
    model = Patchcore(backbone="resnet18", pre_trained=False)
    model.model = patchcore_model(registry.load_backbone(pack), neighbours=9)
    model.model.train()  # as anomalib makes it; only the feature extractor is frozen
    model.model.feature_extractor.eval()
    return model


@torch.no_grad()
def anomalous(model: Patchcore, photos: Tensor) -> Tensor:
    """N bool, as the post-processor says.

    Args:
        photos: N×3×S×S in [-1, 1].
    """
    return torch.cat([model(part / 2 + 0.5).pred_label.flatten().bool() for part in photos.split(8)])


def table(rows: list[dict]) -> str:
    """Markdown."""
    lines = [
        "| category | normals | runs | thresholds | false alarms | misses |",
        "|---|---|---|---|---|---|",
    ]
    for category, shots, draws in cells(rows):
        ran = [row for row in draws if "error" not in row]
        limits = ", ".join("none" if row["threshold"] is None else f"{row['threshold']:.1f}" for row in ran) or "–"
        shares = [percent([row[name] for row in ran]) or "–" for name in ("false_alarm", "miss")]
        lines.append(f"| {category} | {shots} | {len(ran)} of {len(draws)} | {limits} | {' | '.join(shares)} |")
    errors = sorted({row["error"] for row in rows if "error" in row})
    ran = [row for row in rows if "error" not in row]
    near = sum(0.025 <= row["false_alarm"] <= 0.1 for row in ran)
    mean = 100 * statistics.mean(row["false_alarm"] for row in ran) if ran else 0.0
    lines.append(
        f"\nErrors: {'; '.join(errors)}. False alarms 2.5 to 10 %: {near} of {len(rows)}; mean where it runs {mean:.0f} %."
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
