"""The images that join a draw's normals (TGVIG, CVPR 2024, section 4; Table 1's VQGAN-CLIP), each kind made only once.

Arms of one draw share what they have in common: the same sets are looked at with several prompts, and what the making
cost is told of every arm that uses it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tgvig_core.benchmark.arms import Recipe
from tgvig_core.benchmark.plan import Plan
from tgvig_core.benchmark.results.costs import Costs, StepCost
from tgvig_core.benchmark.vqgan_clip import VqganClipSettings, vqgan_clip
from tgvig_core.fitting import pools
from tgvig_core.generation.best_set import best_iteration
from tgvig_core.generation.integrator import Integrator, IntegratorSettings, set_similarity
from tgvig_core.generation.set_quality import quality
from tgvig_core.generation.settings import GeneratorSettings
from tgvig_core.models.encoders.base import PackEncoder
from tgvig_core.models.vqgan import Vqgan
from tgvig_core.packs import registry
from tgvig_core.photos.images import to_pixels, to_tensor
from tgvig_core.runs.settings import RunSettings
from tgvig_core.runs.steps.prompt import choose_prompt
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import RunContext

TRUNK = "EfficientNet-Lite0 in place of Inception v3 and VGG"
"""What IS and the perceptual distance rest on, named in every row (set_quality.py)."""


@dataclass(frozen=True)
class Rounds:
    """All sets of one integrator run.

    Attributes:
        sets: one entry for each iteration: M×S×S×3 uint8, as the app keeps them on disk.
        embeddings: f(I⁺) of each, M×D unit rows.
        cost: see Costs.take.
    """

    sets: tuple[np.ndarray, ...]
    embeddings: tuple[Tensor, ...]
    cost: StepCost


@dataclass(frozen=True)
class Made:
    """What an arm learns from, and how it came about.

    Attributes:
        pool: the normals and the images that join them.
        facts: for the row: images, and where they apply quality, prompt, similarity, best_iteration.
    """

    pool: pools.Pool
    facts: dict = field(default_factory=dict)


class Generated:
    """The images of one draw.

    Args:
        photos: the normals' files. normals: the same, n×3×S×S in [-1, 1], on the device.
        name: W°, what the category is called.
    """

    def __init__(
        self, plan: Plan, photos: tuple[Path, ...], normals: Tensor, name: str, seed: int,
        ctx: RunContext,
    ) -> None:  # fmt: skip
        self.plan, self.photos, self.normals, self.name, self.seed = plan, photos, normals, name, seed
        self.ctx = ctx
        self.folder = Path(plan.models_dir) if plan.models_dir else None
        self.pack, _ = registry.choose(plan.pack, self.folder)
        self._encoder: PackEncoder | None = None
        self._prompts: dict[str, str] = {}
        self._asked = Costs()
        self._rounds: dict[GeneratorSettings, Rounds] = {}

    def of(self, recipe: Recipe, costs: Costs) -> Made:
        """The pool of an arm.

        Raises:
            TgvigError: a model is missing, or the name has no words. Stopped: the stop event was set.
        """
        if recipe.kind == "real":
            return Made(pools.real(self.normals), {"images": None})
        if recipe.kind == "augment":
            with costs.step("generate"):
                generating = recipe.generating(self.plan.images)
                pool = pools.augment(self.normals, generating.images, generating.policy, self.seed)
            made = pool.images[len(self.normals) :]
            return Made(pool, {"images": len(made), "quality": self._quality(made)})
        prompt = self._prompt(recipe.prompt)
        costs.take("prompts", self._asked.steps["prompts"])
        if recipe.kind == "vqgan-clip":
            facts: dict[str, object] = {}
            with costs.step("generate"):
                images = self._drawn_to(prompt)
        else:
            images, facts = self._chosen(recipe, prompt, costs)
        facts |= {"images": len(images), "prompt": prompt, "quality": self._quality(images)}
        return Made(pools.tgvig(self.normals, images.to(self.normals.device)), facts)

    @property
    def encoder(self) -> PackEncoder:
        """The pack's ImageTextEncoder, loaded when it is first asked for."""
        if self._encoder is None:
            self._encoder = registry.load_encoder(self.pack, self.folder, self.normals.device.type)
        return self._encoder

    def _prompt(self, which: str) -> str:
        """Eq. 1 ranks them once; see arms.Recipe."""
        if not self._prompts:
            settings = RunSettings(tuple(map(str, self.photos)), self.name, "")
            with self._asked.step("prompts"):
                embeddings = self.encoder.encode_images(self.normals)  # f(I°)
                ranked = choose_prompt(settings, self.encoder, embeddings, self.ctx).ranked
            found = {"best": ranked.best, "word": ranked.only_word, "naive": ranked.naive, "worst": ranked.worst}
            self._prompts = {kind: prompt.text for kind, prompt in found.items()}
        return self._prompts[which]

    def _chosen(self, recipe: Recipe, prompt: str, costs: Costs) -> tuple[Tensor, dict]:
        """α of the sets (Eq. 5), or the last one."""
        rounds = self._made(recipe.generating(self.plan.images))
        costs.take("generate", rounds.cost)
        z_t = self.encoder.encode_texts([prompt])[0]
        similarity = [set_similarity(embeddings, z_t) for embeddings in rounds.embeddings]  # Eq. 4
        best = best_iteration(similarity, text=not recipe.last)
        images = torch.stack([to_tensor(pixels) for pixels in rounds.sets[best - 1]])
        return images, {"similarity": similarity, "best_iteration": best}

    def _made(self, generating: GeneratorSettings) -> Rounds:
        """The sets under these settings; every run begins with the pack's own generator."""
        if generating not in self._rounds:
            costs, looping = Costs(), IntegratorSettings(self.plan.iterations)
            prompt = self._prompt("best")  # which one is asked does not change what is generated
            with costs.step("generate"):
                network = registry.load_generator(self.pack, self.folder, self.normals.device.type, self.ctx)
                made = registry.generator_of(self.pack, network, generating, looping.update)
                integrator = Integrator(made, self.encoder, self.normals, prompt, looping, self.seed)
                sets = [iteration.images for iteration in integrator.iterations(self.ctx)]
            # again, as the integrator's own z_v are means and other prompts may ask: told of no arm, the method needs none
            embeddings = tuple(self.encoder.encode_images(images) for images in sets)
            pixels = tuple(np.stack([to_pixels(image) for image in images]) for images in sets)
            self._rounds[generating] = Rounds(pixels, embeddings, costs.steps["generate"])
        return self._rounds[generating]

    def _drawn_to(self, prompt: str) -> Tensor:
        model = registry.load_generator(self.pack, self.folder, self.normals.device.type, self.ctx)
        if not isinstance(model, Vqgan):
            raise TgvigError(f"VQGAN-CLIP needs a VQGAN, which the pack {self.pack.name} has not: choose another pack.")
        generator = torch.Generator().manual_seed(self.seed)
        size = self.normals.shape[-1]
        return vqgan_clip(model, self.encoder, prompt, size, VqganClipSettings(), generator, self.ctx)

    def _quality(self, images: Tensor) -> dict:
        """The paper's Table 2 of a set."""
        return asdict(quality(images.cpu(), self.normals.cpu())) | {"trunk": TRUNK}
