"""What every generator is: it adapts to photos of good parts and makes more of them (what TGVIG's Eq. 4 to 7 ask of it).

A generator is one file: a subclass of `Generator` under `@generator("name", title="…")`. The checks around it are here, once
(tests/core/test_generator_conformance.py). All draws come from the generators of random numbers that are handed in: same
seed, same settings, same machine, same images.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import QUIET, RunContext


def sources(images: int, normals: int) -> tuple[int, ...]:
    """Which normal each of the M generated images is drawn from: in turn, so that all get their share."""
    return tuple(m % normals for m in range(images))


class Generator(ABC):
    """Makes images that are normal as the photos are.

    Args:
        network: what `load` gave; `adapt` changes its weights in place.
        sampling: how images are drawn. learning: how it adapts. None for the usual ways.
    """

    network: nn.Module

    def __init__(
        self, network: nn.Module, sampling: GeneratorSettings | None = None, learning: UpdateSettings | None = None
    ) -> None:
        self.network = network
        self.sampling, self.learning = sampling or GeneratorSettings(), learning or UpdateSettings()

    @staticmethod
    @abstractmethod
    def load(file: Path) -> nn.Module:
        """The network of a pack's file, on the CPU, in evaluation mode.

        Raises:
            TgvigError: the file is not one of this generator's.
        """

    @property
    @abstractmethod
    def factor(self) -> int:
        """The sides of images are multiples of it, px."""

    @abstractmethod
    def learn(self, normals: Tensor, rng: torch.Generator, ctx: RunContext) -> dict[str, float]:
        """See `adapt`, which has checked the normals."""

    @abstractmethod
    def draw(self, normals: Tensor, count: int, rng: torch.Generator, ctx: RunContext) -> Tensor:
        """See `sample`, which has checked the normals."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """All that a later process needs to go on; safe for torch.load(weights_only=True)."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where state_dict() was taken."""

    def adapt(self, normals: Tensor, rng: torch.Generator, ctx: RunContext = QUIET) -> dict[str, float]:
        """Learn from the normals, between two sets (Eq. 6 and 7).

        Args:
            normals: I°, n×3×S×S in [-1, 1], on the network's device; S a multiple of `factor`.
            rng: CPU generator of all draws.

        Returns:
            what it minimised, mean over the steps, by name.

        Raises:
            TgvigError: a photo or a loss is not finite, or memory is too short. Stopped: the stop event was set.
        """
        self.check(normals)
        losses = self.learn(normals, rng, ctx)
        if not all(map(math.isfinite, losses.values())):
            raise TgvigError("A loss of the generator is not a number: take another seed, or fetch the pack again.")
        return losses

    @torch.inference_mode()
    def sample(self, normals: Tensor, count: int, rng: torch.Generator, ctx: RunContext = QUIET) -> Tensor:
        """Images I⁺ (Eq. 2 and 3).

        Args:
            normals: as in `adapt`.
            count: M.
            rng: CPU generator of all draws.

        Returns:
            M×3×S×S in [-1, 1], image m drawn from normal `sources(M, n)[m]`, on the CPU.

        Raises:
            TgvigError: a photo or an image is not finite, or memory is too short. Stopped: the stop event was set.
        """
        self.check(normals)
        images = self.draw(normals, count, rng, ctx)
        if not torch.isfinite(images).all():  # clamping would make a sound white of an infinity
            raise TgvigError("The generator's numbers ran out of range: take another seed, or another pack.")
        return images.clamp_(-1, 1)

    def check(self, normals: Tensor) -> None:
        """See that images can be made from photos.

        Raises:
            TgvigError: their side does not suit, or one is not finite.
        """
        side = normals.shape[-1]
        if side % self.factor:
            raise TgvigError(
                f"Images of {side} px do not suit this generator: the side must be a multiple of {self.factor}."
            )
        if not torch.isfinite(normals).all():
            raise TgvigError("A photo to generate from holds values that are not numbers: read it again.")
