"""A training step of a VQGAN and everything it changes (Esser et al., "Taming Transformers", CVPR 2021, section 3.1)."""

from __future__ import annotations

import copy
import os
import time
from dataclasses import asdict
from pathlib import Path

import torch
from taming.modules.discriminator.model import NLayerDiscriminator, weights_init
from torch import Tensor
from torch.nn import functional as F

from tgvig_core.models.vqgan import Vqgan
from tools.research.training import codebook, draws, linear_start
from tools.research.training.photos import Crops
from tools.research.training.recipe import Recipe
from tools.research.training.shapes import SHAPES

REVIVE_EVERY = 100
"""Steps after which codes that nothing chose are moved."""
LINEAR_CROPS = 128
"""Crops whose principal components a shape of one level starts from."""


class Trainer:
    """Model, moving average, critic, optimisers and the place in the random numbers; saved and brought back whole.

    All random numbers come from one CPU generator, so that a resumed training draws what an undisturbed one draws.
    """

    PARTS = ("model", "average", "critic", "optimiser", "critic_optimiser")

    def __init__(self, shape: str, recipe: Recipe, crops: Crops, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self.shape, self.recipe, self.crops, self.device = shape, recipe, crops, device
        self.model = Vqgan(SHAPES[shape]).to(device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        self.critic = NLayerDiscriminator(ndf=32).apply(weights_init).to(device, memory_format=torch.channels_last)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1.0, betas=(0.9, 0.99), weight_decay=1e-4)
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=1e-4, betas=(0.5, 0.9))
        self.usage = torch.zeros(SHAPES[shape].n_embed, dtype=torch.long, device=device)
        self.generator = torch.Generator().manual_seed(recipe.seed)
        self.perceptual = None
        self.step, self.seconds, self.phases = 0, 0.0, [{"from_step": 0, **asdict(recipe)}]

    def save(self, file: Path) -> None:
        """Write the whole state; a crash leaves the former one."""
        state = {name: getattr(self, name).state_dict() for name in self.PARTS}
        state |= {"random": self.generator.get_state(), "usage": self.usage, "shape": self.shape}
        state |= {"step": self.step, "seconds": self.seconds, "phases": self.phases}
        part = file.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, file)

    def load(self, file: Path) -> None:
        """Go on from a state; another recipe begins another phase.

        Raises:
            SystemExit: the state is of another shape.
        """
        state = torch.load(file, map_location="cpu", weights_only=True)
        if state["shape"] != self.shape:
            raise SystemExit(f"{file} is a training of the shape {state['shape']}: give --shape {state['shape']}.")
        for name in self.PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.generator.set_state(state["random"])
        self.usage.copy_(state["usage"])
        self.step, self.seconds = state["step"], state["seconds"]
        now = {"from_step": self.step, **asdict(self.recipe)}
        same = {**state["phases"][-1], "from_step": self.step} == now
        self.phases = state["phases"] if same else [*state["phases"], now]

    def advance(self) -> dict[str, float]:
        """One step: start the model and the codebook if it is time, and learn from a batch. Returns the losses."""
        start = self.clock()
        if self.step == 0 and linear_start.fits(self.model):
            first = self.crops.batch(LINEAR_CROPS, self.generator)
            linear_start.start(self.model, first.to(self.device, memory_format=torch.channels_last))
        if self.step == self.recipe.quantise_start:
            codebook.initialise(self.model, self.crops, self.generator, self.device)
        if self.step in (0, self.recipe.quantise_start):
            self.average.load_state_dict(self.model.state_dict())
        images = self.crops.batch(self.recipe.batch, self.generator)
        losses = self.update(images.to(self.device, memory_format=torch.channels_last))
        self.step += 1
        self.seconds += self.clock() - start
        return losses

    def clock(self) -> float:
        """Seconds of work: of this process on a CPU, which others may share; of the clock on a GPU."""
        return time.process_time() if self.device.type == "cpu" else time.monotonic()

    def update(self, images: Tensor) -> dict[str, float]:
        """One step of the model and, where it takes part, of the critic.

        Args:
            images: B×3×S×S in [-1, 1].
        """
        r = self.recipe
        for group in self.optimiser.param_groups:
            group["lr"] = r.learning_rate(self.step)
        made, losses = self.reconstruct(images)
        losses |= {"l1": (made - images).abs().mean(), "l2": (made - images).square().mean()}
        if r.drawn:
            losses["drawn_l2"] = (made - images)[: r.drawn].square().mean()
        total = losses["l1"] + losses["l2"] + losses.get("codebook", 0)
        if r.perceptual:
            losses["perceptual"] = self.perceive(made[: r.perceptual_crops], images[: r.perceptual_crops])
            total = total + r.perceptual * losses["perceptual"]
        criticised = r.adversarial > 0 and self.step >= r.adversarial_start
        if criticised:
            losses["adversarial"] = -self.critic(made).mean()
            total = total + r.adversarial * losses["adversarial"]
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        losses["gradient"] = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.average_weights()
        if criticised:
            losses["critic"] = self.teach_critic(images, made.detach())
        return {name: float(value.detach()) for name, value in losses.items()}

    def reconstruct(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Images through the model, the first `drawn` by way of their views, some of the others past the codebook."""
        drawn = self.recipe.drawn
        losses: dict[str, Tensor] = {}
        latents = self.encode(images[drawn:])
        if self.step >= self.recipe.quantise_start:
            latents, losses = self.quantise(latents)
        if drawn:
            latents = torch.cat([self.draw(images[:drawn]), latents])
        with self.half:
            made = self.model.decode(latents)
        return made.float(), losses

    @property
    def half(self) -> torch.autocast:
        """bfloat16 on a GPU, but never for the distances to codes."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def encode(self, images: Tensor) -> Tensor:
        """Latents in float32."""
        with self.half:
            return self.model.encode(images.contiguous(memory_format=torch.channels_last)).float()

    @torch.no_grad()
    def draw(self, images: Tensor) -> Tensor:
        """A draw for every image. Only the decoder learns from it: encoding the views is then three times as cheap."""
        views = draws.all_views(images, self.recipe.views, self.generator)
        quantised = self.model.quantise(self.encode(views))[0]
        return draws.draw(quantised, self.recipe.views, self.generator)

    def quantise(self, latents: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Codes of latents B×C×h×w, but for the share that stays continuous. Now and then dead codes are moved first."""
        losses, recipe = {}, self.recipe
        learnt = self.step - recipe.quantise_start
        # none is moved while the rate decays: a code that moves late has no time to settle
        if learnt and learnt % REVIVE_EVERY == 0 and recipe.learning_rate(self.step) == recipe.rate:
            books = [model.quantize.embedding.weight for model in (self.model, self.average)]
            rows = codebook.points(latents.detach(), self.model.config.heads)
            losses["dead"] = torch.tensor(codebook.revive(books, self.usage, rows, self.generator))
        quantised, losses["codebook"], codes = self.model.quantise(latents)
        self.usage += torch.bincount(codes.flatten(), minlength=len(self.usage))
        past = torch.rand(len(latents), 1, 1, 1, generator=self.generator) < recipe.continuous_share
        return torch.where(past.to(latents.device), latents, quantised), losses

    def perceive(self, made: Tensor, images: Tensor) -> Tensor:
        """Mean perceptual distance of a batch; its trunk is loaded when it is first needed."""
        if self.perceptual is None:
            from tgvig_core.models.perceptual import PerceptualDistance

            self.perceptual = PerceptualDistance().to(self.device, memory_format=torch.channels_last)
        return self.perceptual(made, images).mean()

    def teach_critic(self, real: Tensor, made: Tensor) -> Tensor:
        """Hinge loss of the PatchGAN, as in VQGAN."""
        loss = 0.5 * (F.relu(1 - self.critic(real)).mean() + F.relu(1 + self.critic(made)).mean())
        self.critic_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.critic_optimiser.step()
        return loss

    def average_weights(self) -> None:
        """Exponential moving average whose memory grows to 1000 steps."""
        keep = min(0.999, (1 + self.step) / (10 + self.step))
        for slow, fast in zip(self.average.parameters(), self.model.parameters(), strict=True):
            slow.data.lerp_(fast.data, 1 - keep)
