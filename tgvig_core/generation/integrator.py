"""Text-guided knowledge integrator: Eq. 4 to 7 of TGVIG (Lee and Choi, CVPR 2024, arXiv 2403.06247, section 4.2)."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tgvig_core.generation.fine_tuning import Update, UpdateSettings
from tgvig_core.generation.latent_sampling import GeneratorSettings, generate, sources
from tgvig_core.models.encoders.image_text import ImageTextEncoder
from tgvig_core.models.vqgan import Vqgan
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
        model: VQGAN; all its parameters are changed in place.
        encoder: f and G.
        normals: I°, n×3×S×S in [-1, 1], on the model's device.
        prompt: P.
        seed: same seed, same settings, same machine: same sets.
    """

    def __init__(
        self, model: Vqgan, encoder: ImageTextEncoder, normals: Tensor, prompt: str,
        generating: GeneratorSettings, settings: IntegratorSettings, seed: int,
    ) -> None:  # fmt: skip
        side = normals.shape[-1]
        if side % model.config.factor:
            raise TgvigError(
                f"Images of {side} px do not suit this generator: the side must be a multiple of {model.config.factor}."
            )
        self.model, self.encoder, self.normals, self.seed = model, encoder, normals, seed
        self.generating, self.settings = generating, settings
        self.z_t = encoder.encode_texts([prompt])[0]  # z_t = G(P)
        self.update = Update(model, normals, generating, settings.update)
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
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        losses = self.update.run(generator, step, ctx)
        ctx.check()
        self.model.eval()
        images = generate(self.model, self.normals, self.generating, generator, ctx)
        similarity = set_similarity(self.encoder.encode_images(images), self.z_t)
        if not all(map(math.isfinite, (similarity, *losses.values()))):
            raise TgvigError(
                f"A loss or the similarity of set {number} is not a number: take another seed, or fetch the pack again."
            )
        self.done = number
        drawn_from = sources(len(images), len(self.normals))
        return Iteration(number, images, drawn_from, similarity, losses, time.perf_counter() - start)

    def state_dict(self) -> dict:
        """Everything that a later process needs to go on; safe for torch.load(weights_only=True)."""
        return {"done": self.done, "model": self.model.state_dict(), "update": self.update.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        """Go on where state_dict() was taken."""
        self.done = state["done"]
        self.model.load_state_dict(state["model"])
        self.update.load_state_dict(state["update"])
