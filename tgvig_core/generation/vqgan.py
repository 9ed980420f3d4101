"""TGVIG's own generator (Lee and Choi, CVPR 2024, arXiv 2403.06247): a VQGAN sampled by Eq. 2 and 3, adapted by Eq. 6 and 7."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tgvig_core.generation.base import Generator
from tgvig_core.generation.fine_tuning import Update
from tgvig_core.generation.latent_sampling import generate
from tgvig_core.generation.registry import generator
from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.models.checkpoints import load_vqgan
from tgvig_core.models.vqgan import Vqgan
from tgvig_core.utils.progress import RunContext


@generator("vqgan", title="VQGAN, sampled in its latent space")
class VqganGenerator(Generator):
    """See Generator; the network is a `Vqgan`."""

    network: Vqgan

    def __init__(
        self, network: Vqgan, sampling: GeneratorSettings | None = None, learning: UpdateSettings | None = None
    ) -> None:
        super().__init__(network, sampling, learning)
        self.update = Update(network, self.sampling, self.learning)

    @staticmethod
    def load(file: Path) -> Vqgan:
        """See Generator."""
        return load_vqgan(file)

    @property
    def factor(self) -> int:
        """f: how many pixels of a side one latent position stands for."""
        return self.network.config.factor

    def learn(self, normals: Tensor, rng: torch.Generator, ctx: RunContext) -> dict[str, float]:
        """Eq. 6 and 7."""
        return self.update.run(normals, rng, ctx)

    def draw(self, normals: Tensor, count: int, rng: torch.Generator, ctx: RunContext) -> Tensor:
        """Eq. 2 and 3."""
        return generate(self.network.eval(), normals, count, self.sampling, rng, ctx)

    def state_dict(self) -> dict[str, Any]:
        """The network's weights, and what its updates have come to."""
        return {"model": self.network.state_dict(), "update": self.update.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The reverse."""
        self.network.load_state_dict(state["model"])
        self.update.load_state_dict(state["update"])
