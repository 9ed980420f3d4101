"""NaN and infinity put into every place where numbers enter: each has to end in one sentence, before a score or a file.

All models are small and untrained: what is tried is the way of a number, not what it says.
"""

from __future__ import annotations

import copy
import csv
import dataclasses
import functools
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tests.robustness.row import Row
from tgvig_core.detectors.base import load_detector
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.diagnosis.outlier_photos import held_out_maps
from tgvig_core.fitting.calibration import HeldOut, limits
from tgvig_core.generation.best_set import best_iteration
from tgvig_core.generation.integrator import Integrator, IntegratorSettings
from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.generation.vqgan import VqganGenerator
from tgvig_core.inspection.inspector import Inspector, Limits
from tgvig_core.models.backbones import EFFICIENTNET_LITE0
from tgvig_core.models.encoders.base import numbers
from tgvig_core.models.vqgan import Vqgan, VqganConfig
from tgvig_core.prompting.ranking import mean_embedding
from tgvig_core.storage.run_folder import Run
from tgvig_core.utils import strict_json
from tgvig_core.utils.errors import TgvigError

SIZE = 64
BAD = (math.nan, math.inf, -math.inf)
TINY = VqganConfig(32, (1, 1, 2), 1, (), 32, 32, 64)


def rows(folder: Path, values: Sequence[float] = BAD) -> Iterator[Row]:
    """Every injection with every value; folder: an empty one."""
    for what, works in injections(folder).items():
        wrong = [
            f"{name} of {bad}: {said}" for name, work in works.items() for bad in values if (said := _end(work, bad))
        ]
        tried = len(works) * len(values)
        yield Row(f"NaN and ∞ in {what}", tried, tried - len(wrong), "; ".join(wrong[:3]), "refused in one sentence")


def injections(folder: Path) -> dict[str, dict[str, Callable[[float], object]]]:
    """By where the value is put: what must refuse it."""
    detector, images = trained(), noise(2)
    return {
        "images": {
            "fit": lambda bad: detector.fit(spoiled(images, bad), (0, 1)),
            "score": lambda bad: detector.score(spoiled(images, bad)),
        },
        "weights and features": {
            "fit": lambda bad: weighed(bad).fit(images, (0, 1)),
            "score": lambda bad: weighed(bad).score(images),
            "the odd one": lambda bad: held_out_maps(weighed(bad).features.grids(images)),
        },
        "the memory bank": {
            "score": lambda bad: banked(detector, bad).score(images),
            "look": lambda bad: Inspector(banked(detector, bad), Limits(1, 1, 1)).findings([np.zeros((9, 9, 3), np.uint8)]),
        },
        "embeddings": {
            "images": lambda bad: mean_embedding(spoiled(torch.eye(3), bad)),
            "encoder": lambda bad: numbers(spoiled(torch.eye(3), bad)),
            "text": lambda bad: looped(Fixed(text=bad)),
        },
        "the similarity curve": {
            "a set": lambda bad: looped(Fixed(image=bad)),
            "the best of them": lambda bad: best_iteration([0.1, bad, 0.2]),
        },
        "the generator": {
            "its weights": lambda bad: looped(Fixed(), spoil=bad),
            "its rate": lambda bad: UpdateSettings(learning_rate=bad),
            "its loss": lambda bad: UpdateSettings(vq_weight=bad),
        },
        "calibration": {
            "scores": lambda bad: limits(HeldOut(spoiled(torch.ones(4), bad), torch.ones(4), 4, 3), 0.05),
            "peaks": lambda bad: limits(HeldOut(torch.ones(4), spoiled(torch.ones(4), bad), 4, 3), 0.05),
            "one photo's": lambda bad: limits(HeldOut(spoiled(torch.ones(20), bad), torch.ones(20), 1, 1), 0.05),
            "threshold": lambda bad: Limits(bad, 1.0, 1.0),
            "pixel threshold": lambda bad: Limits(1.0, bad, 1.0),
            "false-alarm rate": lambda bad: _rate(bad),
        },
        "files": {
            "JSON written": lambda bad: _refused(lambda: strict_json.dumps({"score": [bad]})),
            "JSON read": lambda bad: _refused(lambda: strict_json.loads(json.dumps({"score": bad}))),
            "a run's file": lambda bad: _refused(lambda: Run(folder).write_json("x.json", {"score": bad})),
            "journal": lambda bad: _refused(lambda: Run(folder).journal("iteration", similarity=bad)),
            "a detector's card": lambda bad: _refused(lambda: detector.save(folder / "model", {"threshold": bad})),
            "a card read": lambda bad: changed(detector, folder / "changed", bad),
        },
    }  # fmt: skip


def _end(work: Callable[[float], object], bad: float) -> str:
    """ "" where the work refused the value in one sentence, else what it did."""
    try:
        work(bad)
    except TgvigError as error:
        return "" if "\n" not in str(error) else f"said {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "went on"


def _refused(work: Callable[[], object]) -> None:
    """A guard of the last line: nothing a person does reaches it, so that it speaks to programmers."""
    try:
        work()
    except ValueError as error:
        raise TgvigError(str(error)) from error


def _rate(bad: float) -> None:
    from tgvig_core.runs.settings import RunSettings

    RunSettings(("photo.png",), "nut", "out", false_alarm=bad)


def noise(count: int, size: int = SIZE) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def spoiled(values: Tensor, bad: float) -> Tensor:
    """A copy with one bad value in the middle."""
    copied = values.clone()
    copied.view(-1)[copied.numel() // 2] = bad
    return copied


def untrained(settings: PatchCoreSettings | None = None) -> PatchCore:
    detector = copy.deepcopy(_untrained())
    detector.settings = settings or detector.settings
    detector.model.num_neighbors = detector.settings.neighbours
    return detector


@functools.cache
def _untrained() -> PatchCore:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return PatchCore(EFFICIENTNET_LITE0, SIZE, with_weights=False)


def trained(settings: PatchCoreSettings | None = None, count: int = 2) -> PatchCore:
    detector = untrained(settings)
    detector.fit(noise(count), range(count))
    return detector


@functools.cache
def weighed(bad: float) -> PatchCore:
    """A detector whose backbone has one bad weight."""
    detector = untrained()
    named = detector.model.feature_extractor.named_parameters()
    *_, weight = (value for name, value in named if ".blocks.4." in name)  # the last used: before ReLU6 all ends at 6
    weight.data = spoiled(weight.data, bad)
    detector.model.memory_bank = torch.zeros(4, 1)
    return detector


def banked(detector: PatchCore, bad: float) -> PatchCore:
    """The same detector with one bad value in its memory."""
    other = copy.copy(detector)
    other.model = copy.copy(detector.model)
    other.model._buffers = dict(detector.model._buffers)
    other.model.memory_bank = spoiled(detector.model.memory_bank, bad)
    return other


def changed(detector: PatchCore, folder: Path, bad: float) -> None:
    """Read a detector whose card somebody gave a threshold that is no number."""
    detector.save(folder, {})
    card = folder / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"calibration": {"threshold": bad}}))
    load_detector(folder)


@dataclasses.dataclass(frozen=True)
class Fixed:
    """An encoder that gives what it is told."""

    image: float = 0.6
    text: float = 0.8

    def encode_images(self, images: Tensor) -> Tensor:
        return torch.tensor([[self.image, 0.8]]).expand(len(images), 2)

    def encode_texts(self, texts: list[str]) -> Tensor:
        return torch.tensor([[self.text, 0.6]]).expand(len(texts), 2)


def looped(encoder: Fixed, spoil: float | None = None) -> None:
    """One iteration of the integrator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Vqgan(TINY)
    if spoil is not None:
        model.decoder.conv_out.bias.data[0] = spoil
    settings = IntegratorSettings(1, update=UpdateSettings(steps=0))
    made = VqganGenerator(model, GeneratorSettings(images=1, views=2), settings.update)
    loop = Integrator(made, encoder, noise(1, 32), "a nut", settings, 0)
    next(loop.iterations())


def strict(folder: Path) -> tuple[int, list[str]]:
    """How many JSON documents, JSON lines and CSV cells with a number a folder holds, and those that are not finite."""
    tried, wrong = 0, []
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".jsonl", ".csv")):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".csv":
            found = [
                number for row in csv.reader(text.splitlines()) for cell in row if (number := _number(cell)) is not None
            ]
            tried += len(found)
            wrong += [f"{path.name}: {number}" for number in found if not math.isfinite(number)]
            continue
        for document in text.splitlines() if path.suffix == ".jsonl" else [text]:
            tried += 1
            try:
                json.loads(document, parse_constant=_none, parse_float=_whole)
            except ValueError as error:
                wrong.append(f"{path.name}: {error}")
    return tried, wrong


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _none(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _whole(text: str) -> float:
    """A parser of its own: the product's must not vouch for itself."""
    if not math.isfinite(float(text)):
        raise ValueError(f"{text} is not finite")
    return float(text)
