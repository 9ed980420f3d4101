"""Compare shapes of the compact VQGAN (Esser et al. 2021) at equal computing time; prints a row of Markdown for each.

    python -m tools.research.compare_shapes --photos DIR --measure DIR... --minutes 8 p4-c96 p4-c128

Each shape trains for the same seconds of one process (so a slow shape takes fewer steps), a quarter of them with a
falling learning rate, and is then measured on the held-out photos at 256 px.
"""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from pathlib import Path

import torch
from torch import Tensor

from tools.research.train_vqgan import load_measured, measure
from tools.research.training.photos import Crops, load_photos
from tools.research.training.recipe import Recipe
from tools.research.training.shapes import SHAPES
from tools.research.training.trainer import Trainer

TIMED_STEPS = 6
MEASURED_PHOTOS = 20


def parse() -> argparse.Namespace:
    """The command line; the settings of a recipe that change the cost of a step can be given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shapes", nargs="+", choices=sorted(SHAPES))
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--measure", type=Path, nargs="*", default=[])
    parser.add_argument("--minutes", type=float, default=8, help="of computing for every shape [%(default)s]")
    for field in fields(Recipe):
        if field.name in ("batch", "crop", "rate", "quantise_start"):
            parser.add_argument("--" + field.name.replace("_", "-"), type=type(field.default), default=field.default)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def steps_within(shape: str, recipe: Recipe, crops: Crops, seconds: float) -> int:
    """How many steps a shape can take in that time, judged by a few with the codebook in use."""
    trainer = Trainer(shape, replace(recipe, quantise_start=0), crops, torch.device("cpu"))
    trainer.advance()  # starts the codebook, once
    begin = trainer.seconds
    for _ in range(TIMED_STEPS):
        trainer.advance()
    return round(seconds * TIMED_STEPS / (trainer.seconds - begin))


def trained(shape: str, recipe: Recipe, crops: Crops, seconds: float) -> Trainer:
    """A shape after its share of computing."""
    steps = steps_within(shape, recipe, crops, seconds)
    trainer = Trainer(shape, replace(recipe, steps=steps, finish=steps // 4), crops, torch.device("cpu"))
    while trainer.step < steps:
        trainer.advance()
    return trainer


def row(trainer: Trainer, measured: dict[str, list[Tensor]]) -> str:
    """| shape | M parameters | steps | PSNR (continuous) of every folder | perceptual, natural | codes | seconds |."""
    figures = measure(trainer, measured, MEASURED_PHOTOS)
    first = figures["natural"]
    decibels = [f"{found['psnr']:.1f} ({found['psnr_continuous']:.1f})" for found in figures.values()]
    size = sum(weight.numel() for weight in trainer.model.parameters()) / 1e6
    cells = [trainer.shape, f"{size:.1f} M", str(trainer.step), f"{trainer.seconds / 60:.1f}", *decibels,
             f"{first['perceptual']:.2f}", f"{first['codes_used_percent']:.0f} %",
             f"{first['encode_s']:.3f} / {first['decode_s']:.3f}"]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table's head, then a row as soon as a shape is done."""
    options = parse()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    train, held = load_photos(options.photos)
    measured = load_measured(held, options.measure)
    recipe = Recipe(**{name: getattr(options, name) for name in ("batch", "crop", "rate", "quantise_start")})
    names = " | ".join(f"PSNR {name} (continuous)" for name in measured)
    print(f"| shape | size | steps | CPU minutes | {names} | perceptual | codes used | encode / decode s |")
    print("|" + "---|" * (len(measured) + 7), flush=True)
    for shape in options.shapes:
        print(row(trained(shape, recipe, Crops(train, recipe.crop), 60 * options.minutes), measured), flush=True)


if __name__ == "__main__":
    main()
