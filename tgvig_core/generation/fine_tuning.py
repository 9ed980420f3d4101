"""How the generator learns between two sets: Eq. 6 and 7 of TGVIG with the usual VQGAN loss (arXiv 2012.09841, section 3.1)."""

from __future__ import annotations

import functools
from dataclasses import replace
from statistics import mean

import torch
from taming.modules.discriminator.model import NLayerDiscriminator, weights_init
from torch import Tensor, nn
from torch.nn import functional as F

from tgvig_core.generation.latent_sampling import distribution
from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.models.perceptual import PerceptualDistance
from tgvig_core.models.vqgan import Vqgan
from tgvig_core.photos.views import views
from tgvig_core.utils.memory import enough_for
from tgvig_core.utils.progress import QUIET, RunContext


class Update:
    """Adam on all parameters of the generator; the critic joins at its start step, and is built then."""

    def __init__(self, model: Vqgan, generating: GeneratorSettings, settings: UpdateSettings) -> None:
        self.model, self.generating, self.settings = model, generating, settings
        self.device = next(model.parameters()).device
        self.optimiser = self._adam(model)
        self.taken = 0

    def _adam(self, network: nn.Module) -> torch.optim.Adam:
        return torch.optim.Adam(network.parameters(), lr=self.settings.learning_rate, betas=(0.5, 0.9), fused=True)

    @functools.cached_property
    def perceptual(self) -> PerceptualDistance:
        """Built when something is learned: a generator that only draws needs none."""
        return PerceptualDistance().to(self.device)

    @functools.cached_property
    def critic(self) -> nn.Module:
        """PatchGAN, which a usual run's few steps never reach; its first weights do not depend on when it is built."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return NLayerDiscriminator(ndf=32).apply(weights_init).to(self.device)

    @functools.cached_property
    def critic_optimiser(self) -> torch.optim.Adam:
        """The critic's own Adam."""
        return self._adam(self.critic)

    def run(self, normals: Tensor, generator: torch.Generator, ctx: RunContext = QUIET) -> dict[str, float]:
        """All gradient steps of one iteration. Returns the mean of every loss.

        Args:
            normals: I°, n×3×S×S in [-1, 1], on the model's device.

        Raises:
            Stopped: between two steps. TgvigError: a step does not fit into memory.
        """
        self.model.train()
        rows = []
        for _ in ctx.track(range(self.settings.steps), "Adapting the generator", self.settings.steps):
            with enough_for("a learning step of the generator"):  # the views of a step need each other: no halves
                rows.append(self._step(normals, generator))
        names = rows[-1] if rows else {}  # the critic may join in mid-iteration: a mean is over the steps that have it
        return {name: mean(row[name] for row in rows if name in row) for name in names}

    def _step(self, normals: Tensor, generator: torch.Generator) -> dict[str, float]:
        s = self.settings
        normal = normals[self.taken % len(normals)]
        # upright views only: Eq. 6 compares with the upright normal
        policy = replace(self.generating.policy, flips=False, turns=False)
        batch = views(normal, s.views, policy, generator)
        crop = self._crop(normal.shape[-1], generator)
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

    def _crop(self, side: int, generator: torch.Generator) -> tuple[slice, slice, slice]:
        """The same random window, on the latent grid, for the normal and for all its views."""
        f = self.model.config.factor
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

    def state_dict(self) -> dict:
        """The number of steps taken, the optimiser, and the critic with its own where it has joined."""
        state = {"taken": self.taken, "optimiser": self.optimiser.state_dict()}
        if "critic" in vars(self):
            state |= {"critic": self.critic.state_dict(), "critic_optimiser": self.critic_optimiser.state_dict()}
        return state

    def load_state_dict(self, state: dict) -> None:
        """The reverse of state_dict."""
        self.taken = state["taken"]
        for name in ("optimiser", "critic", "critic_optimiser"):
            if name in state:
                getattr(self, name).load_state_dict(state[name])


def adaptive_weight(reconstruction: Tensor, adversarial: Tensor, last_layer: Tensor) -> Tensor:
    """VQGAN's Eq. 7: ratio of the two gradients at the decoder's last layer, at most 1e4."""
    wanted = torch.autograd.grad(reconstruction, last_layer, retain_graph=True)[0].norm()
    found = torch.autograd.grad(adversarial, last_layer, retain_graph=True)[0].norm()
    return (wanted / (found + 1e-4)).clamp(0, 1e4).detach()
