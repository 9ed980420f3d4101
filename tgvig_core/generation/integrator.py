"""Text-guided knowledge integrator: Eq. 4 to 7 of TGVIG (Lee and Choi, CVPR 2024, arXiv 2403.06247, section 4.2)."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tgvig_core.generation.base import Generator, sources
from tgvig_core.generation.settings import UpdateSettings
from tgvig_core.models.encoders.base import ImageTextEncoder
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import QUIET, RunContext


@dataclass(frozen=True)
class IntegratorSettings:
    """Settings of the loop.

    Attributes:
        iterations: L (not given in the paper; its Fig. 8 peaks within tens).
        text: False is the ablation "w/o text": the last set is taken instead of the best one.
        update: how the generator learns between iterations (Eq. 6, 7).
    """

    iterations: int = 10
    text: bool = True
    update: UpdateSettings = field(default_factory=UpdateSettings)

    def __post_init__(self) -> None:
        if not 1 <= self.iterations <= 1000:
            raise TgvigError(f"{self.iterations} iterations cannot be run: give a number from 1 to 1000.")


@dataclass(frozen=True)
class Iteration:
    """One round of the integrator.

    Attributes:
        number: l, from 1.
        images: I⁺, M×3×S×S in [-1, 1], on the CPU.
        sources: index of the normal that each image was drawn from.
        similarity: cos(z_t, z_v) in [-1, 1].
        losses: means over the updates before this set.
        seconds: how long it took.
    """

    number: int
    images: Tensor
    sources: tuple[int, ...]
    similarity: float
    losses: dict[str, float]
    seconds: float


def set_similarity(embeddings: Tensor, text: Tensor) -> float:
    """cos(z_t, z_v) with z_v the mean of the M unit-norm image embeddings (Eq. 4).

    Args:
        embeddings: f(I⁺_m), M×D, unit rows.
        text: z_t = G(P), D values.
    """
    z_v = embeddings.mean(0)  # Eq. 4
    return float(torch.cosine_similarity(text, z_v, dim=0))


class Integrator:
    """Generates, scores, learns; its whole state can be saved after any iteration and brought back.

    Iteration l first updates the generator on the normals, then makes set l and scores it. A stop in the middle of an
    update leaves set l − 1 finished, no update follows the last set, and set 1 has already seen the part
    (docs/architecture.md says what the other order did).

    Args:
        generator: all its weights are changed in place.
        encoder: f and G.
        normals: I°, n×3×S×S in [-1, 1], on the generator's device.
        prompt: P.
        settings: L and the choice by text; how the generator learns and draws is the generator's own.
        seed: same seed, same settings, same machine: same sets.
    """

    def __init__(
        self, generator: Generator, encoder: ImageTextEncoder, normals: Tensor, prompt: str,
        settings: IntegratorSettings, seed: int,
    ) -> None:  # fmt: skip
        generator.check(normals)
        self.generator, self.encoder, self.normals, self.seed = generator, encoder, normals, seed
        self.settings = settings
        self.z_t = encoder.encode_texts([prompt])[0]  # z_t = G(P)
        self.done = 0

    def iterations(self, ctx: RunContext = QUIET) -> Iterator[Iteration]:
        """Yield iterations until L of them are done.

        Raises:
            TgvigError: an image, a loss or a similarity is not finite; that iteration is not yielded.
            Stopped: the stop event was set; the iterations yielded so far stay valid and the state can be saved.
        """
        while self.done < self.settings.iterations:
            yield self._next(ctx)

    def _next(self, ctx: RunContext) -> Iteration:
        start, number = time.perf_counter(), self.done + 1
        step = f"Iteration {number} of {self.settings.iterations}"
        # a seed for every iteration, not one stream: a resumed run draws what an uninterrupted one draws
        rng = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        named = ctx.telling(lambda _, done, total: ctx.progress(step, done, total))
        losses = self.generator.adapt(self.normals, rng, named)
        ctx.check()
        images = self.generator.sample(self.normals, self.generator.sampling.images, rng, ctx)
        similarity = set_similarity(self.encoder.encode_images(images), self.z_t)
        if not math.isfinite(similarity):
            raise TgvigError(
                f"The similarity of set {number} is not a number: take another seed, or fetch the pack again."
            )
        self.done = number
        drawn_from = sources(len(images), len(self.normals))
        return Iteration(number, images, drawn_from, similarity, losses, time.perf_counter() - start)

    def state_dict(self) -> dict:
        """Everything that a later process needs to go on; safe for torch.load(weights_only=True)."""
        return {"done": self.done, **self.generator.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Go on where state_dict() was taken."""
        self.done = state["done"]
        self.generator.load_state_dict(state)
