"""anomalib's training steps, losses and optimisers, run by Lightning's Trainer (Falcon et al., 2019) on tensors.

Not by anomalib's Engine, which wants folders, a validation set and thresholds, nor by a loop of our own: CFlow's module steps
its optimiser itself and asks the Trainer for it, and what is compared should be trained by the code that its authors run.
"""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypedDict

import torch
from anomalib.data import ImageBatch
from anomalib.models.components import AnomalibModule
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler, TensorDataset

from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import RunContext


class _Bare(TypedDict):
    post_processor: bool
    evaluator: bool
    visualizer: bool


BARE: _Bare = {"post_processor": False, "evaluator": False, "visualizer": False}
"""What anomalib's modules are built without: thresholds and normalised scores, metrics, pictures."""


@dataclass(frozen=True)
class Length:
    """How long to train.

    Attributes:
        steps: batches, where no epochs are given.
        batch: images in one; where epochs are given, at most.
        epochs: how often every image is seen, whatever their number.
    """

    steps: int
    batch: int
    epochs: int | None = None

    def of(self, images: int) -> tuple[int, int]:
        """Steps and the images in each, of which there are so many.

        An epoch has as many steps as a DataLoader gives it; its batches are alike where a DataLoader's last is smaller.
        """
        if self.epochs is None:
            return self.steps, self.batch
        each = math.ceil(images / self.batch)
        return self.epochs * each, math.ceil(images / each)


def train(
    module: AnomalibModule, name: str, images: Tensor, steps: int, batch: int, device: torch.device,
    ctx: RunContext,
) -> list[float]:  # fmt: skip
    """Train a module in place and leave it on the CPU.

    Args:
        name: the detector's, for people.
        images: N×3×S×S in [0, 1]; all are seen before one is seen again.
        steps: batches. A step of CFlow's is one of its optimiser for each 64 patches.
        batch: images in one.

    Returns:
        the loss of each step.

    Raises:
        TgvigError: a loss is not finite. Stopped: the stop event was set.
    """
    watch = _Watch(f"Training {name}", steps, ctx)
    own = not module.automatic_optimization  # then the Trainer counts the optimiser's steps, not the batches
    sampler = RandomSampler(images, num_samples=steps * batch)
    with _quiet():
        trainer = Trainer(
            accelerator="gpu" if device.type == "cuda" else "cpu",
            devices=[device.index or 0] if device.type == "cuda" else 1,
            max_epochs=1 if own else -1, max_steps=-1 if own else steps, callbacks=[watch], logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(module, DataLoader(TensorDataset(images), batch, sampler=sampler, collate_fn=_batch))
    return watch.losses


class _Watch(Callback):
    """Tells how far training is, stops it when asked to, and keeps the losses."""

    def __init__(self, what: str, steps: int, ctx: RunContext) -> None:
        self.what, self.steps, self.ctx = what, steps, ctx
        self.losses: list[float] = []

    def on_train_start(self, *_) -> None:
        self.ctx.progress(self.what, 0, self.steps)

    def on_train_batch_start(self, *_) -> None:
        self.ctx.check()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: STEP_OUTPUT, batch: object, batch_idx: int
    ) -> None:
        assert isinstance(outputs, Mapping)  # Lightning wraps a loss that comes alone
        loss = float(outputs["loss"])
        if not math.isfinite(loss):
            raise TgvigError(
                f"{self.what} failed, its loss is {loss} after {len(self.losses)} steps: use another seed."
            )
        self.losses.append(loss)
        self.ctx.progress(self.what, len(self.losses), self.steps)


def _batch(rows: list[tuple[Tensor]]) -> ImageBatch:
    return ImageBatch(image=torch.stack([image for (image,) in rows]))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's notes about accelerators, workers and loggers."""
    notes = logging.getLogger("lightning.pytorch")
    before = notes.level
    notes.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        notes.setLevel(before)
