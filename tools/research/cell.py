"""A draw of photos and the sets that the method generates from it (TGVIG, CVPR 2024), as the measuring scripts share them."""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

from torch import Tensor

from tgvig_core.generation.best_set import best_iteration
from tgvig_core.generation.integrator import Integrator, IntegratorSettings, Iteration
from tgvig_core.generation.settings import GeneratorSettings
from tgvig_core.packs import registry
from tgvig_core.photos.images import read_normals
from tgvig_core.runs.settings import SIZE, RunSettings
from tgvig_core.runs.steps.prompt import choose_prompt


class Cell:
    """One category, number of shots and seed.

    Args:
        o: a script's options: data, images, iterations, anchor, pack.
    """

    def __init__(self, o: argparse.Namespace, category: str, shots: int, seed: int) -> None:
        self.o, self.seed, self.category, self.shots = o, seed, category, shots
        self.folder = next(path for path in sorted(o.data.rglob(category)) if (path / "train" / "good").is_dir())
        photos = sorted((self.folder / "train" / "good").iterdir())
        self.chosen = random.Random(seed).sample(photos, shots)
        self.normals = read_normals(self.chosen).tensor(SIZE)
        self.pack, _ = registry.choose(o.pack)
        self.settings = GeneratorSettings(images=o.images, anchor=o.anchor)

    def rounds(self) -> tuple[list[Iteration], dict]:
        """All iterations with their sets, and the curve."""
        encoder = registry.load_encoder(self.pack)
        settings = RunSettings(tuple(map(str, self.chosen)), self.category, "")
        prompt = choose_prompt(settings, encoder, encoder.encode_images(self.normals)).ranked.best.text
        model = registry.load_generator(self.pack)
        looping = IntegratorSettings(self.o.iterations)
        made = registry.generator_of(self.pack, model, self.settings, looping.update)
        integrator = Integrator(made, encoder, self.normals, prompt, looping, self.seed)
        rounds = list(integrator.iterations())
        similarity = [entry.similarity for entry in rounds]
        return rounds, {"prompt": prompt, "similarity": similarity, "best_iteration": best_iteration(similarity)}

    def generated(self) -> Tensor:
        """The best set, M×3×S×S in [-1, 1]."""
        rounds, facts = self.rounds()
        return rounds[facts["best_iteration"] - 1].images


def read(file: Path) -> list[dict]:
    """Rows of a file, none if there is none yet."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def place(row: dict) -> tuple[str, int, int]:
    """What names a cell."""
    return row["category"], row["shots"], row["seed"]
