"""Is the recommendation right? What the advice predicts from normals alone against what labelled test photos show.

    python -m tools.research.measure_advice --data DIR --sets FOLDER --out FILE [--categories …] [--shots 1 5] [--seeds 0 1 2]

A cell is a category, a number of shots and a seed. Its generated sets are taken from FOLDER/<category>-<shots>-<seed>
(facts.json and sets/) or made there. FILE gets a JSON line per cell as it ends; the same command goes on where it was
interrupted. At last it prints the tables of docs/advice.md.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score
from torch import Tensor

from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.diagnosis import pool_comparison
from tgvig_core.fitting import admission, calibration, pools
from tgvig_core.fitting.results import TOO_FAR
from tgvig_core.fitting.training_sets import REAL, TrainingSet
from tgvig_core.packs import registry
from tgvig_core.photos.images import read_photo, to_square, to_tensor
from tgvig_core.runs.settings import SIZE
from tgvig_core.storage.run_folder import Run
from tools.research.cell import Cell, place, read
from tools.research.remembering import Remembering

MOST = 60
"""Good and defective photos of a category that are scored, drawn once."""
EPSILON = 0.001
"""A measured difference of the AUROC up to this says nothing about a sign: with 60 photos of either kind that is less
than 4 of 3600 pairs."""


def main() -> None:
    """Measure what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--categories", nargs="+", default=["bottle", "transistor", "tile", "hazelnut"])
    parser.add_argument("--shots", nargs="+", type=int, default=[1, 5])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--arms", nargs="+", default=["augment", "augment:photometric", "augment:shifts", "tgvig"])
    parser.add_argument("--threads", type=int, default=2)
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    o.images, o.iterations, o.anchor, o.pack = 20, 5, "mean", "embedded"
    rows = read(o.out)
    known, tests, seen = {place(row) for row in rows}, {}, {}
    for seed in o.seeds:
        for category in o.categories:
            for shots in o.shots:
                if (category, shots, seed) not in known:
                    cell = Cell(o, category, shots, seed)
                    if category not in tests:
                        tests[category] = test_photos(cell.folder)
                    rows.append(measure(cell, *made(cell), *tests[category], seen))
                    with o.out.open("a") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
    print(tables(rows))


def test_photos(folder: Path) -> tuple[Tensor, list[bool]]:
    """At most MOST good and as many defective photos, and which is which."""
    photos = sorted(path for path in (folder / "test").rglob("*") if path.is_file())
    kinds = [[path for path in photos if (path.parent.name == "good") != bad] for bad in (False, True)]
    drawn = [random.Random(0).sample(found, min(MOST, len(found))) for found in kinds]
    images = [to_tensor(to_square(read_photo(path).pixels, SIZE)) for found in drawn for path in found]
    return torch.stack(images), [bad for bad, found in zip((False, True), drawn, strict=True) for _ in found]


def made(cell: Cell) -> tuple[Tensor, dict]:
    """The best set of the cell, from the folder of sets or made into it."""
    folder = cell.o.sets / f"{cell.category}-{cell.shots}-{cell.seed}"
    run, facts = Run(folder), folder / "facts.json"
    if not facts.exists():
        rounds, found = cell.rounds()
        for entry in rounds:
            run.save_set(entry.number, entry.images)
        run.write_json("facts.json", found)
    found = json.loads(facts.read_text())
    return run.load_set(found["best_iteration"]), found


def detector_of(cell: Cell, pool: pools.Pool, seen: dict) -> PatchCore:
    """A detector trained on a pool."""
    detector = PatchCore(registry.load_backbone(cell.pack), SIZE)
    detector.fit(pool.images, pool.groups, cell.seed)
    detector.features.extractor = Remembering(detector.features.extractor, seen)
    return detector


def measure(cell: Cell, generated: Tensor, facts: dict, photos: Tensor, labels: list[bool], seen: dict) -> dict:
    """One cell: scores of what is held out, and the AUROC of the test photos, for every pool."""
    start, policy, shots = time.perf_counter(), cell.settings.policy, len(cell.normals)
    found = {"real": pools.real(cell.normals)}
    for arm in cell.o.arms:
        views = TrainingSet(arm).narrowed(policy) if arm != "tgvig" else None
        found[arm] = (
            pools.augment(cell.normals, cell.o.images, views, cell.seed)
            if views
            else pools.tgvig(cell.normals, generated)
        )
    held, figures, admitted = pool_comparison.held_out(cell.normals, policy, cell.seed), {}, None
    for arm, pool in found.items():
        detector = detector_of(cell, pool, seen)
        if arm == "real":
            calibrated = calibration.calibrate(detector, pool, detector, cell.normals, policy, seed=cell.seed)
            admitted = admission.admit(detector, generated, calibrated.threshold)
        scores = pool_comparison.scored(detector, held)
        measured = float(roc_auc_score(labels, detector.score(photos).scores))
        figures[arm] = {"measured": measured, "good": rounded(scores.good), "spoiled": rounded(scores.spoiled)}
    return {"category": cell.category, "shots": shots, "seed": cell.seed, "best_iteration": facts["best_iteration"],
            "similarity": facts["similarity"], "good": round(admitted.good, 2), "arms": figures,
            "distances": [round(image.distance, 2) for image in admitted.images],
            "seconds": round(time.perf_counter() - start, 1)}  # fmt: skip


def rounded(scores: np.ndarray) -> list:
    """Raw scores to four places."""
    return np.round(scores, 4).tolist()


PREDICTORS = {
    "mean AUROC (the advice)": lambda one: np.mean([auroc(one.good, one.spoiled[..., at]) for at in range(2)]),
    "AUROC, strength 0.4": lambda one: auroc(one.good, one.spoiled[..., 0]),
    "AUROC, strength 0.7": lambda one: auroc(one.good, one.spoiled[..., 1]),
    "d′ of log scores, strength 0.4": lambda one: separation(one.good, one.spoiled[..., 0]),
    "d′ of log scores, strength 0.7": lambda one: separation(one.good, one.spoiled[..., 1]),
    "log(defects / good)": lambda one: np.log(one.spoiled).mean() - np.log(one.good).mean(),
}
"""What was tried; all of it from the same scores of what was held out."""


def auroc(good: np.ndarray, spoiled: np.ndarray) -> float:
    """AUROC of one strength."""
    return float(roc_auc_score([0] * good.size + [1] * spoiled.size, [*good.ravel(), *spoiled.ravel()]))


def separation(good: np.ndarray, spoiled: np.ndarray) -> float:
    """Distance of the means of log scores in standard deviations."""
    below, above = np.log(good), np.log(spoiled)
    return float((above.mean() - below.mean()) / np.sqrt((below.var(ddof=1) + above.var(ddof=1)) / 2))


def tables(rows: list[dict]) -> str:
    """Markdown: each cell's differences, how often each predictor has the sign right, what following the advice brings."""
    return "\n\n".join([cells(rows), predictors(rows), followed(rows), gates(rows)])


def cells(rows: list[dict]) -> str:
    """A line for each cell and pool: predicted and measured difference to the photos alone, in points."""
    lines = [
        "| category | shots | seed | pool | predicted | 90 % interval | measured |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=place):
        for one in pool_comparison.compare(scores_of(row), row["seed"]).compared[1:]:
            between = f"{100 * one.low:+.1f} to {100 * one.high:+.1f}"
            figures = f"{100 * one.difference:+.1f} | {between} | {100 * gained(row, str(one.training_set)):+.2f}"
            lines.append(f"| {row['category']} | {row['shots']} | {row['seed']} | {one.training_set} | {figures} |")
    return "\n".join(lines)


def gained(row: dict, arm: str) -> float:
    """Measured AUROC of a pool less that of the photos alone."""
    return row["arms"][arm]["measured"] - row["arms"]["real"]["measured"]


def predictors(rows: list[dict]) -> str:
    """A line for each predictor and pool: signs and rank correlation."""
    lines = [
        "| predictor | pool | right sign | of those that differ by more than 0.1 points | Spearman ρ | within categories |",
        "|---|---|---|---|---|---|",
    ]
    for name, predict in PREDICTORS.items():
        pairs = [(row, arm, predicted(row, arm, predict), gained(row, arm)) for row in rows for arm in row["arms"]]
        for pool in sorted({pair[1] for pair in pairs} - {"real"}) + ["all"]:
            chosen = [pair for pair in pairs if pair[1] != "real" and pool in (pair[1], "all")]
            far = [pair for pair in chosen if abs(pair[3]) > EPSILON]
            within = [
                [pair for pair in chosen if pair[0]["category"] == category]
                for category in {p[0]["category"] for p in chosen}
            ]
            known = [value for group in within if (value := rank(group)) is not None]
            figures = f"{right(chosen)} | {right(far)} | {shown(rank(chosen))}"
            lines.append(f"| {name} | {pool} | {figures} | {shown(statistics.mean(known) if known else None)} |")
    return "\n".join(lines)


def predicted(row: dict, arm: str, predict) -> float:
    """A predictor's figure of a pool less that of the photos alone."""
    found = scores_of(row)
    return float(predict(found[TrainingSet.parse(arm)]) - predict(found[REAL]))


def right(pairs: list[tuple]) -> str:
    """How often predicted and measured differences have the same sign; 0 agrees with 0 alone."""
    return f"{sum(np.sign(pair[2]) == np.sign(pair[3]) for pair in pairs)} of {len(pairs)}"


def rank(pairs: list[tuple]) -> float | None:
    """Spearman's ρ, None where there are fewer than four pairs or all are equal."""
    predicted_, measured = [pair[2] for pair in pairs], [pair[3] for pair in pairs]
    if len(pairs) < 4 or len(set(predicted_)) == 1 or len(set(measured)) == 1:
        return None
    return float(spearmanr(predicted_, measured).statistic)


def shown(value: float | None) -> str:
    """A correlation in two places."""
    return "–" if value is None else f"{value:+.2f}"


def followed(rows: list[dict]) -> str:
    """Mean measured gain over the photos alone of the advice and of each pool always, on the cells that have the pool."""
    lines = ["| followed | cells | mean gain in points |", "|---|---|---|"]
    gains = {
        "the advice": [
            gained(row, str(pool_comparison.compare(scores_of(row), row["seed"]).recommended)) for row in rows
        ]
    }
    for row in rows:
        for arm in row["arms"]:
            gains.setdefault(f"always {arm}", []).append(gained(row, arm))
    return "\n".join(lines + [f"| {n} | {len(v)} | {100 * statistics.mean(v):+.2f} |" for n, v in gains.items()])


def gates(rows: list[dict]) -> str:
    """How far the sets lie from the photos, in thresholds of the photos alone, beside what the whole set gains."""
    lines = [
        "| category | shots | seed | threshold | distances | in thresholds | too far | set − photos |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in sorted((row for row in rows if "tgvig" in row["arms"]), key=place):
        far, good = row["distances"], row["good"]
        out = sum(one > TOO_FAR * good for one in far)
        figures = (
            f"{good:.1f} | {min(far):.1f} to {max(far):.1f} | {min(far) / good:.2f} to {max(far) / good:.2f} | {out}"
        )
        cell = f"{row['category']} | {row['shots']} | {row['seed']}"
        lines.append(f"| {cell} | {figures} of {len(far)} | {100 * gained(row, 'tgvig'):+.2f} |")
    return "\n".join(lines)


def scores_of(row: dict) -> dict[TrainingSet, pool_comparison.Scores]:
    """What every detector of a cell said of what was held out."""
    return {
        TrainingSet.parse(arm): pool_comparison.Scores(np.array(one["good"]), np.array(one["spoiled"]))
        for arm, one in row["arms"].items()
    }


if __name__ == "__main__":
    main()
