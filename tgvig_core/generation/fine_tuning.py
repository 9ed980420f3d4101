"""How the generator learns between two sets: Eq. 6 and 7 of TGVIG with the usual VQGAN loss (arXiv 2012.09841, section 3.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import mean

import torch
from taming.modules.discriminator.model import NLayerDiscriminator, weights_init
from torch import Tensor
from torch.nn import functional as F

from tgvig_core.generation.latent_sampling import GeneratorSettings, distribution
from tgvig_core.models.perceptual import PerceptualDistance
from tgvig_core.models.vqgan import Vqgan
from tgvig_core.photos.views import views
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.memory import enough_for
from tgvig_core.utils.progress import QUIET, RunContext


@dataclass(frozen=True)
class UpdateSettings:
    """Settings of Eq. 6 and 7. The paper gives none of their values; Adam and "all parameters" are its.

    Attributes:
        steps: gradient steps between two sets.
        views: views of one normal in a step (both terms of the loss use them).
        images: n of Eq. 6, images drawn in a step.
        crop: side in px of the aligned window that a step looks at, 256 for whole images. Windows are cheaper, but
            GroupNorm then sees other statistics than when whole images are generated (docs/architecture.md).
        learning_rate: of Adam. At four times this rate grey parts take on colours.
        vq_weight: λ of Eq. 7.
        perceptual_weight: weight of the perceptual term inside L_vq.
        adversarial_weight: weight of the PatchGAN term inside L_vq, times VQGAN's adaptive factor.
        adversarial_start: gradient step (counted over all iterations) from which the PatchGAN takes part.
    """

    steps: int = 4
    views: int = 2
    images: int = 1
    crop: int = 256
    learning_rate: float = 5e-5
    vq_weight: float = 1.0
    perceptual_weight: float = 0.1
    adversarial_weight: float = 0.8
    adversarial_start: int = 500

    def __post_init__(self) -> None:
        if self.steps < 0 or self.views < 1 or self.images < 1 or self.crop < 1:
            raise TgvigError(
                f"An update of {self.steps} steps with {self.views} views, {self.images} images and windows of {self.crop} "
                "px cannot be run: steps may be 0, the others must be at least 1."
            )
        if not 0 < self.learning_rate < math.inf:
            raise TgvigError(f"{self.learning_rate} is not a learning rate: give a number above 0, such as 5e-5.")
        weights = (self.vq_weight, self.perceptual_weight, self.adversarial_weight)
        if not all(0 <= weight < math.inf for weight in weights):
            raise TgvigError(f"The loss weights {weights} cannot be learned with: each must be a number from 0 on.")


class Update:
    """Adam on all parameters of the generator; the critic joins at its start step."""

    def __init__(self, model: Vqgan, normals: Tensor, generating: GeneratorSettings, settings: UpdateSettings) -> None:
        self.model, self.normals, self.generating, self.settings = model, normals, generating, settings
        device = normals.device
        self.perceptual = PerceptualDistance().to(device)
        rate, betas = settings.learning_rate, (0.5, 0.9)
        self.optimiser = torch.optim.Adam(model.parameters(), lr=rate, betas=betas, fused=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.critic = NLayerDiscriminator(ndf=32).apply(weights_init).to(device)
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=rate, betas=betas, fused=True)
        self.taken = 0

    def run(self, generator: torch.Generator, step: str, ctx: RunContext = QUIET) -> dict[str, float]:
        """All gradient steps of one iteration. Returns the mean of every loss.

        Raises:
            Stopped: between two steps. TgvigError: a step does not fit into memory.
        """
        self.model.train()
        rows = []
        for _ in ctx.track(range(self.settings.steps), step, self.settings.steps):
            with enough_for("a learning step of the generator"):  # the views of a step need each other: no halves
                rows.append(self._step(generator))
        names = rows[-1] if rows else {}  # the critic may join in mid-iteration: a mean is over the steps that have it
        return {name: mean(row[name] for row in rows if name in row) for name in names}

    def _step(self, generator: torch.Generator) -> dict[str, float]:
        s = self.settings
        normal = self.normals[self.taken % len(self.normals)]
        # upright views only: Eq. 6 compares with the upright normal
        policy = replace(self.generating.policy, flips=False, turns=False)
        batch = views(normal, s.views, policy, generator)
        crop = self._crop(generator)
        # the usual layout: on a CPU oneDNN's backward passes take a fifth longer in channels_last
        target, batch = normal[crop], batch[(slice(None), *crop)].contiguous()
        quantised, codebook, _ = self.model.quantise(self.model.encode(batch))
        z = distribution(quantised, self.generating).sample(s.images, generator)
        decoded = self.model.decode(torch.cat([z, quantised]))
        generated, rebuilt = decoded[: s.images], decoded[s.images :]
        losses = {"generation": (target - generated).square().mean()}  # (1/n) Σ ‖I° − I⁺‖², per value (Eq. 6)
        losses |= self._vq_terms(batch, rebuilt, codebook)
        losses["total"] = losses["generation"] + s.vq_weight * losses["vq"]  # Eq. 7
        self.optimiser.zero_grad(set_to_none=True)
        losses["total"].backward()
        self.optimiser.step()
        if self._adversarial:
            losses["critic"] = self._teach_critic(batch, rebuilt.detach())
        self.taken += 1
        return {name: float(value.detach()) for name, value in losses.items()}

    def _crop(self, generator: torch.Generator) -> tuple[slice, slice, slice]:
        """The same random window, on the latent grid, for the normal and for all its views."""
        f, side = self.model.config.factor, self.normals.shape[-1]
        size = min(max(self.settings.crop // f, 1) * f, side)
        top, left = (torch.randint((side - size) // f + 1, (2,), generator=generator) * f).tolist()
        return slice(None), slice(top, top + size), slice(left, left + size)

    @property
    def _adversarial(self) -> bool:
        return self.taken >= self.settings.adversarial_start

    def _vq_terms(self, batch: Tensor, rebuilt: Tensor, codebook: Tensor) -> dict[str, Tensor]:
        """L_vq({I_i}): reconstruction + perceptual + codebook and commitment, + adversarial after its start."""
        s = self.settings
        terms = {"reconstruction": (batch - rebuilt).abs().mean(), "codebook": codebook}
        terms["perceptual"] = self.perceptual(rebuilt, batch).mean()
        vq = terms["reconstruction"] + s.perceptual_weight * terms["perceptual"]
        if self._adversarial:
            terms["adversarial"] = -self.critic(rebuilt).mean()
            factor = adaptive_weight(vq, terms["adversarial"], self.model.decoder.conv_out.weight)
            vq = vq + s.adversarial_weight * factor * terms["adversarial"]
        return terms | {"vq": vq + codebook}

    def _teach_critic(self, real: Tensor, made: Tensor) -> Tensor:
        """Hinge loss of the PatchGAN and one step on it."""
        loss = 0.5 * (F.relu(1 - self.critic(real)).mean() + F.relu(1 + self.critic(made)).mean())
        self.critic_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.critic_optimiser.step()
        return loss

    PARTS = ("optimiser", "critic", "critic_optimiser")

    def state_dict(self) -> dict:
        """Optimisers, critic and the number of steps taken."""
        return {"taken": self.taken} | {name: getattr(self, name).state_dict() for name in self.PARTS}

    def load_state_dict(self, state: dict) -> None:
        """The reverse of state_dict."""
        self.taken = state["taken"]
        for name in self.PARTS:
            getattr(self, name).load_state_dict(state[name])


def adaptive_weight(reconstruction: Tensor, adversarial: Tensor, last_layer: Tensor) -> Tensor:
    """VQGAN's Eq. 7: ratio of the two gradients at the decoder's last layer, at most 1e4."""
    wanted = torch.autograd.grad(reconstruction, last_layer, retain_graph=True)[0].norm()
    found = torch.autograd.grad(adversarial, last_layer, retain_graph=True)[0].norm()
    return (wanted / (found + 1e-4)).clamp(0, 1e4).detach()
