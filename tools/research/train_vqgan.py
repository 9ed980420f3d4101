"""Train a compact VQGAN on a folder of photos (recipe of Esser et al. 2021, shortened for a small model and few hours).

    python -m tools.research.train_vqgan --photos DIR --work DIR --shape p4-c96 [--steps 3000] [--finish 500 --export FILE]

Resumable: the same command goes on from WORK/state.pt; `--steps` may be raised, and any other setting of the recipe may
change from start to start: the model card lists the phases. Without `--finish` the learning rate stays constant. With it
the rate decays over the last steps, which is worth a good part of a decibel and ends the training: the state from
before the decay is kept as WORK/constant.pt, from which a longer training can go on.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import asdict, fields
from pathlib import Path

import torch
from torch import Tensor

from tgvig_core.models.checkpoints import save_vqgan
from tools.research.training import heldout
from tools.research.training.photos import Crops, load_photos
from tools.research.training.recipe import Recipe
from tools.research.training.shapes import SHAPES
from tools.research.training.trainer import Trainer

LOG_EVERY = 50
SAVE_EVERY = 250


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line; every field of Recipe is an option."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--photos", type=Path, required=True, help="folder of photos to train on (every 31st is held out)")
    add("--work", type=Path, required=True, help="where the state and the log of this training live")
    add("--shape", choices=sorted(SHAPES), required=True)
    add("--measure", type=Path, nargs="*", default=[], help="further folders that are only measured")
    add("--measure-every", type=int, default=1000, help="steps between two measurements")
    add("--measure-photos", type=int, default=12, help="photos of every folder that are measured while training")
    add("--export", type=Path, help="write the EMA weights and a model card here at the end, measured on all photos")
    for field in fields(Recipe):
        option = "--" + field.name.replace("_", "-")
        add(option, type=type(field.default), default=field.default, help=f"{field.metadata['help']} [%(default)s]")
    add("--threads", type=int, default=2)
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args(arguments)


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The recipe among the options.

    Raises:
        SystemExit: a number cannot be used.
    """
    for name in ("steps", "batch", "crop", "perceptual_crops", "views", "measure_every", "measure_photos", "threads"):
        if getattr(options, name) < 1:
            raise SystemExit(f"--{name.replace('_', '-')} {getattr(options, name)}: give a number above 0.")
    if not 0 <= options.drawn < options.batch:
        raise SystemExit(
            f"--drawn {options.drawn} of {options.batch} crops leaves none to learn the codes from: "
            f"give 0 to {options.batch - 1}."
        )
    factor = SHAPES[options.shape].factor
    if options.crop % factor or options.crop > 288:
        raise SystemExit(f"--crop {options.crop} cannot be cut: give a multiple of {factor} up to 288.")
    return Recipe(**{field.name: getattr(options, field.name) for field in fields(Recipe)})


def load_measured(photos: list[Tensor], folders: list[Path]) -> dict[str, list[Tensor]]:
    """Photos to measure by name; a folder CATEGORY/test/good is called so."""
    return {"natural": photos, **{"/".join(f.parts[-3:]): load_photos(f, hold_out=1)[1] for f in folders}}


def measure(trainer: Trainer, measured: dict[str, list[Tensor]], most: int | None = None) -> dict:
    """Figures of the averaged weights by name of the photos, on at most `most` of each, evenly picked."""
    some = {name: photos[:: -(-len(photos) // most)] if most else photos for name, photos in measured.items()}
    return {name: heldout.measure(trainer.average, photos, trainer.device) for name, photos in some.items()}


def run(trainer: Trainer, options: argparse.Namespace, measured: dict[str, list[Tensor]]) -> None:
    """Train to the last step; log, save and measure at their times."""
    recipe, state = trainer.recipe, options.work / "state.pt"
    sums: dict[str, float] = defaultdict(float)
    with (options.work / "log.jsonl").open("a") as log:
        while trainer.step < recipe.steps:
            if recipe.finish and trainer.step == recipe.steps - recipe.finish:
                trainer.save(options.work / "constant.pt")
            for name, value in trainer.advance().items():
                sums[name] += value / LOG_EVERY
            if trainer.step % LOG_EVERY == 0:
                rate, seconds = recipe.learning_rate(trainer.step - 1), round(trainer.seconds)
                write(log, {"step": trainer.step, "rate": rate, "seconds": seconds, **sums})
                sums.clear()
            last = trainer.step == recipe.steps
            if trainer.step % SAVE_EVERY == 0 or last:
                trainer.save(state)
            if trainer.step % options.measure_every == 0 and not last:
                write(log, {"step": trainer.step, "figures": measure(trainer, measured, options.measure_photos)})


def write(log, row: dict) -> None:
    """One line of the log, on disk and on the screen."""
    line = json.dumps({key: round(value, 5) if isinstance(value, float) else value for key, value in row.items()})
    log.write(line + "\n")
    log.flush()
    print(line, flush=True)


def card_of(trainer: Trainer, figures: dict, trained_on: int, held_out: int) -> dict:
    """What a reader of the weights must know; save_vqgan adds the checksum."""
    return {
        "model": "compact VQGAN f8 (Esser et al. 2021), EMA weights in float16",
        "shape": asdict(trainer.model.config),
        "parameters": sum(weight.numel() for weight in trainer.average.parameters()),
        "data": f"{trained_on} photos, one an ImageNet class, {held_out} more held out; no photo of a measured category",
        "licence": "Apache-2.0 (weights); the photos were used for research and are not part of the project",
        "steps": trainer.step,
        "hours": round(trainer.seconds / 3600, 2),
        "device": trainer.device.type,
        "phases": trainer.phases,
        "figures": figures,
    }


def main() -> None:
    """Train, and export where that was asked for."""
    options = parse()
    recipe = recipe_of(options)
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)  # denormal numbers in Adam and the moving average slow a CPU many times over
    options.work.mkdir(parents=True, exist_ok=True)
    train, held = load_photos(options.photos)
    measured = load_measured(held, options.measure)
    trainer = Trainer(options.shape, recipe, Crops(train, recipe.crop), torch.device(options.device))
    if (options.work / "state.pt").exists():
        trainer.load(options.work / "state.pt")
    run(trainer, options, measured)
    if options.export:
        figures = measure(trainer, measured)
        save_vqgan(trainer.average, options.export, card_of(trainer, figures, len(train), len(held)))
        print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
