"""What the benchmark's detectors share: a model of anomalib (Akcay et al., ICIP 2022), a seed, raw scores.

anomalib's Engine, thresholds and normalisation stay out: with a handful of photos they crash, or make every score 0 or 1.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from anomalib.pre_processing import PreProcessor
from torch import Tensor, nn

from tgvig_core.detectors.base import BATCH, ScoreSet
from tgvig_core.detectors.nearest_neighbour import resized
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.memory import enough_for, in_parts
from tgvig_core.utils.progress import QUIET, RunContext

Transform = Callable[[Tensor], Tensor]
"""From images in [0, 1] to what a model wants to see."""


class AnomalibDetector(ABC):
    """A model of anomalib behind the benchmark's interface. What differs from one to the next is in `learn`.

    Args:
        size: S, side in px of the square images.
        device: "cpu", "cuda" or "cuda:1".

    Attributes:
        network: the model that was fitted; None before.
        losses: of the training steps in their order; empty where a detector only remembers.
    """

    def __init__(self, size: int, device: str = "cpu") -> None:
        self.size, self.device = size, torch.device(device)
        self.network: nn.Module | None = None
        self.losses: list[float] = []

    @abstractmethod
    def learn(self, images: Tensor, groups: Sequence[int], ctx: RunContext) -> tuple[nn.Module, Transform]:
        """The fitted model and what it wants done to images first; random numbers come from torch's and NumPy's own.

        Args:
            images: N×3×S×S in [0, 1], on the CPU.
        """

    def fit(
        self, images: Tensor, groups: Sequence[int], seed: int = 0,
        ctx: RunContext = QUIET,
    ) -> None:  # fmt: skip
        """Learn from good images; the same seed gives the same detector on a CPU.

        Args:
            images: N×3×S×S in [-1, 1], real and generated.
            groups: for each image the normal photo that it is or comes from.

        Raises:
            ValueError: not one group for each image.
            TgvigError: an image or a loss is not finite, or memory is too short. Stopped: the stop event was set.
        """
        if len(groups) != len(images):
            raise ValueError(f"{len(images)} images need as many groups, not {len(groups)}")
        if not images.isfinite().all():
            raise TgvigError("An image to train on holds values that are not numbers: start the run anew.")
        with enough_for(f"learning from {len(images)} images", "generate fewer images"), seeded(seed):
            network, self._transform = self.learn(images.cpu() * 0.5 + 0.5, groups, ctx)
        self.network = network.to(self.device).eval()

    @torch.inference_mode()
    def score(self, images: Tensor) -> ScoreSet:
        """Raw scores and maps of images, N×3×S×S in [-1, 1]; those of a photo do not depend on the others.

        Raises:
            TgvigError: an image or a score is not finite, nothing was learned yet, or memory is too short.
        """
        if self.network is None:
            raise TgvigError("The detector has learned from no good image: train it first.")
        if not images.isfinite().all():
            raise TgvigError("An image to score holds values that are not numbers: read the photo again.")
        parts = [found for part in images.split(BATCH) for found in in_parts(self._scored, part, "scoring photos")]
        scores, maps = (torch.cat(of).cpu() for of in zip(*parts, strict=True))
        if not (scores.isfinite().all() and maps.isfinite().all()):
            raise TgvigError("The detector gives a score that is not a number: train it longer or with another seed.")
        return ScoreSet(scores, maps)

    def _scored(self, images: Tensor) -> tuple[Tensor, Tensor]:
        assert self.network is not None  # `score` has looked
        found = self.network(self._transform(images.to(self.device) * 0.5 + 0.5))
        maps = found.anomaly_map.view(len(images), 1, *found.anomaly_map.shape[-2:])
        if maps.shape[-1] != self.size:
            maps = resized(maps, (self.size, self.size))
        return found.pred_score.flatten(), maps[:, 0]


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """torch's and NumPy's random numbers from a seed; afterwards they go on as before."""
    before = np.random.get_state()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            np.random.set_state(before)


def transform_of(made: PreProcessor) -> Transform:
    """What a model wants done to images first, by anomalib's own pre-processor for it."""
    assert made.transform is not None  # only one that was built by hand has none
    return made.transform


def patch_side(extractor: nn.Module, size: int) -> int:
    """The largest side in px up to `size` that holds whole patches of a vision transformer; `size` for a CNN."""
    patch = getattr(extractor, "patch_size", 1)
    return size // patch * patch
