"""The README's table: image AUROC of the arms real, augment and tgvig on real photos, paired over seeds.

    python tools/measure_arms.py --data DIR --out FILE [--former FILE] [--categories bottle …] [--shots 1 5] [--seeds 3]

DIR holds categories in MVTec AD's layout (found at any depth). In every cell the three arms share the shots, the seed
and all test photos. `augment` has as many plain views as `tgvig` has generated images. FILE gets a JSON line per cell
as it ends; the same command goes on where it was interrupted.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from pathlib import Path

import torch
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tgvig_core import packs, pools
from tgvig_core.arms import ARMS
from tgvig_core.best_set import best_iteration
from tgvig_core.choosing import choose_prompt
from tgvig_core.detectors import PatchCore
from tgvig_core.generator import ANCHORS, GeneratorSettings
from tgvig_core.images import read_normals, read_photo, to_square, to_tensor
from tgvig_core.integrator import Integrator, IntegratorSettings, Iteration
from tgvig_core.runs import Run
from tgvig_core.settings import SIZE, RunSettings
from tgvig_core.testset import read_test_folder


def parse() -> argparse.Namespace:
    """Options of the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--former", type=Path, help="rows of a former generator: a column more in the table")
    parser.add_argument("--sets", type=Path, help="keep the best set of every first seed here")
    parser.add_argument("--categories", nargs="+", default=["bottle", "transistor", "tile"])
    parser.add_argument("--shots", nargs="+", type=int, default=[1, 5])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--anchor", choices=ANCHORS, default="mean", help="of Eq. 3 [%(default)s]")
    parser.add_argument("--pack", default="embedded")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


class Cell:
    """One category, number of shots and seed: the three pools and their scores."""

    def __init__(self, o: argparse.Namespace, category: str, shots: int, seed: int) -> None:
        self.o, self.seed, self.category, self.shots = o, seed, category, shots
        self.folder = next(path for path in sorted(o.data.rglob(category)) if (path / "train" / "good").is_dir())
        photos = sorted((self.folder / "train" / "good").iterdir())
        self.chosen = random.Random(seed).sample(photos, shots)
        self.normals = read_normals(self.chosen).tensor(SIZE)
        self.pack, _ = packs.choose(o.pack)
        self.settings = GeneratorSettings(images=o.images, anchor=o.anchor)

    def rounds(self) -> tuple[list[Iteration], dict]:
        """All iterations with their sets, and the curve."""
        encoder = packs.load_encoder(self.pack)
        settings = RunSettings(tuple(map(str, self.chosen)), self.category, "")
        prompt = choose_prompt(settings, encoder, encoder.encode_images(self.normals)).ranked.best.text
        model = packs.load_generator(self.pack)
        looping = IntegratorSettings(self.o.iterations)
        integrator = Integrator(model, encoder, self.normals, prompt, self.settings, looping, self.seed)
        rounds = list(integrator.iterations())
        similarity = [entry.similarity for entry in rounds]
        best = best_iteration(similarity)
        return rounds, {"prompt": prompt, "similarity": similarity, "best_iteration": best}

    def measure(self) -> dict:
        """One row of the table."""
        start = time.perf_counter()
        rounds, facts = self.rounds()
        made = rounds[facts["best_iteration"] - 1].images
        if self.o.sets and self.seed == 0:
            Run(self.o.sets / f"{self.category}-{self.shots}").save_set(1, torch.cat([self.normals, made]))
        seconds = round(time.perf_counter() - start, 1)
        arms = {
            "real": pools.real(self.normals),
            "augment": pools.augment(self.normals, self.o.images, self.settings.policy, self.seed),
            "tgvig": pools.tgvig(self.normals, made),
        }
        tests = read_test_folder(self.folder / "test")
        images = [to_tensor(to_square(read_photo(test.path).pixels, SIZE)) for test in tests]
        labels = [bool(test.defective) for test in tests]
        row = {
            "category": self.category,
            "shots": self.shots,
            "seed": self.seed,
            "generate_seconds": seconds,
            **facts,
            "pack": self.o.pack,
            "anchor": self.o.anchor,
            "images": self.o.images,
            "iterations": self.o.iterations,
        }
        for arm, pool in arms.items():
            detector = PatchCore(packs.load_backbone(self.pack), SIZE)
            detector.fit(pool.images, pool.sources, self.seed)
            scores = torch.cat([detector.score(image[None]).scores for image in images])
            row[arm] = float(roc_auc_score(labels, scores))
        return row | {"test_good": labels.count(False), "test_defective": labels.count(True)}


def main() -> None:
    """Measure what is missing, then print the table."""
    o = parse()
    torch.set_num_threads(o.threads)
    o.out.parent.mkdir(parents=True, exist_ok=True)
    rows = read(o.out)
    asked = {"pack": o.pack, "anchor": o.anchor, "images": o.images, "iterations": o.iterations}
    if any(row.get(name) != value for row in rows for name, value in asked.items()):
        raise SystemExit(f"{o.out} holds rows of other settings than {asked}: choose another --out.")
    known = {place(row) for row in rows}
    for seed in range(o.seeds):
        for category in o.categories:
            for shots in o.shots:
                if (category, shots, seed) not in known:
                    rows.append(Cell(o, category, shots, seed).measure())
                    with o.out.open("a") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
    print(table(rows, read(o.former)))


def read(file: Path | None) -> list[dict]:
    """Rows of a file, none if there is none yet."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file and file.exists() else []


def place(row: dict) -> tuple[str, int, int]:
    """What names a cell."""
    return row["category"], row["shots"], row["seed"]


def table(rows: list[dict], former: list[dict]) -> str:
    """Markdown: mean ± standard deviation over seeds, in %; the former generator's on the same cells."""
    before = {place(row): row["tgvig"] for row in former}
    lines = [
        "| category | shots | seeds | real | augment | tgvig, former | tgvig | tgvig − real |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for category, shots in sorted({place(row)[:2] for row in rows}):
        cell = [row for row in rows if place(row)[:2] == (category, shots)]
        figures = [spread([100 * row[arm] for row in cell]) for arm in ARMS]
        known = [100 * before[place(row)] for row in cell if place(row) in before]
        figures.insert(2, spread(known) if len(known) == len(cell) else "–")
        figures.append(spread([100 * (row["tgvig"] - row["real"]) for row in cell], sign=True))
        lines.append(f"| {category} | {shots} | {len(cell)} | {' | '.join(figures)} |")
    return "\n".join(lines)


def spread(values: list[float], sign: bool = False) -> str:
    """Mean ± sample standard deviation."""
    deviation = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):{'+' if sign else ''}.1f}{deviation}"


if __name__ == "__main__":
    main()
