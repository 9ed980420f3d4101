"""PatchCore (Roth et al., CVPR 2022, arXiv 2106.08265) through anomalib's module, for one to a few good photos.

Without anomalib's Engine: with a handful of photos it crashes or compares raw distances with 0.5. Raw scores are kept.
anomalib's module holds the weights and the bank; what it computes is computed in nearest_neighbour.py, with less work.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from tgvig_core.detectors import score_prior
from tgvig_core.detectors.abilities import Evidence
from tgvig_core.detectors.base import Detector, ScoreSet, Scoring, finite
from tgvig_core.detectors.coreset import select
from tgvig_core.detectors.explain import nearest_remembered
from tgvig_core.detectors.export_graph import ScoringGraph
from tgvig_core.detectors.nearest_neighbour import BankScores, spreading
from tgvig_core.detectors.patch_features import PatchFeatures
from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.detectors.registry import detector
from tgvig_core.models.backbones import Backbone
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import QUIET, RunContext, silent

UNTRAINED = "The detector remembers no good image to compare with: train it first."


@detector("patchcore", title="PatchCore", table="PatchCore")
class PatchCore(Detector):
    """Remembers patches of good images; scores how far a photo's patches are from them.

    Attributes:
        features: images to grids of patch features.
        model: anomalib's module; `model.memory_bank` holds R remembered patches, R×D.
        groups: for each row the normal photo that it comes from, int64, R.
        places: for each row the image in the fitted pool and the patch's row and column there, int64, R×3.
    """

    prior = score_prior.PLAIN
    settings_type = PatchCoreSettings
    settings: PatchCoreSettings
    licence = ("PatchCore as anomalib implements it", "Apache-2.0", "package anomalib")

    def __init__(
        self, backbone: Backbone, size: int = 256, settings: PatchCoreSettings | None = None,
        device: str = "cpu", with_weights: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(backbone, size, settings, device)
        self.features = PatchFeatures(backbone, size, self.settings, device, with_weights)
        self.model = self.features.model
        self.groups = torch.empty(0, dtype=torch.int64)
        self.places = torch.empty(0, 3, dtype=torch.int64)

    @property
    def remembered(self) -> int:
        """R."""
        return len(self.model.memory_bank)

    def learn(self, images: Tensor, groups: Sequence[int], seed: int, ctx: RunContext) -> None:
        """Fill the memory bank."""
        grids = self.features.grids(images, ctx)
        picks = self.coreset(grids, seed, ctx)
        self.model.memory_bank = grids.flatten(0, 2)[picks].clone()
        self.places = torch.stack(torch.unravel_index(picks.cpu(), grids.shape[:3]), dim=1)
        self.groups = torch.tensor(list(groups))[self.places[:, 0]]

    def coreset(self, grids: Tensor, seed: int = 0, ctx: RunContext = QUIET) -> Tensor:
        """Which of the patches, N·rows·columns of them, a memory bank of these images keeps.

        Raises:
            Stopped: the stop event was set.
        """
        features = grids.flatten(0, 2)
        count = max(self.settings.coreset_least, math.ceil(self.settings.coreset_ratio * len(features)))
        return select(features, count, seed, ctx)

    def scoring(self, exclude_group: int | None = None) -> Scoring:
        """Distances to the bank, without the rows of a group."""
        bank = self.model.memory_bank
        return self._against(bank if exclude_group is None else bank[(self.groups != exclude_group).to(bank.device)])

    def _against(self, bank: Tensor) -> Scoring:
        """Distances to the rows of a memory bank, R×D."""
        if len(bank) == 0:
            raise TgvigError(UNTRAINED)
        scores = BankScores(bank, self.model.num_neighbors, self._spread)
        return lambda images: scores(self.features(images))

    @functools.cached_property
    def _spread(self) -> Tensor:
        """See nearest_neighbour.spreading."""
        side = self.features(torch.zeros(1, 3, self.size, self.size)).shape[1]
        return spreading(self.model.anomaly_map_generator, side, self.features.seen, self.size).to(self.device)

    def cross_fitted(
        self, images: Tensor, groups: Sequence[int], photos: Tensor, folds: Sequence[Sequence[int]], seed: int = 0,
        ctx: RunContext = QUIET,
    ) -> Iterator[ScoreSet]:  # fmt: skip
        """See Detector; the backbone looks at every image once, and only the bank is made anew."""
        grids, quiet = self.features.grids(images, ctx), ctx.telling(silent)

        def without(fold: Sequence[int]) -> ScoreSet:
            kept = grids[[group not in fold for group in groups]]
            bank = kept.flatten(0, 2)[self.coreset(kept, seed, quiet)]
            return self.scored(photos[fold], functools.partial(self._against, bank))

        return map(without, folds)

    def state(self) -> dict[str, Tensor]:
        """Weights and bank by anomalib's names, and whence the rows are."""
        return {**self.model.state_dict(), "sources": self.groups, "places": self.places}

    def restore(self, state: dict[str, Tensor]) -> None:
        """The reverse of `state`."""
        self.groups, self.places = state.pop("sources"), state.pop("places")
        self.model.load_state_dict(state)

    @torch.inference_mode()
    def explain(self, image: Tensor, at: tuple[int, int]) -> Evidence:
        """The remembered patch that is nearest to the photo's patch under a point; see Explainable."""
        (x, y), size = at, self.size
        photo = image if image.ndim == 4 else image[None]
        if photo.shape != (1, 3, size, size):
            raise ValueError(f"One image of 3×{size}×{size} is needed, not {tuple(image.shape)}")
        if not (0 <= x < size and 0 <= y < size):
            raise TgvigError(f"The point ({x}, {y}) lies outside the photo: choose x and y from 0 to {size - 1}.")
        if not finite(photo):
            raise TgvigError("An image to explain holds values that are not numbers: read the photo again.")
        if not self.remembered:
            raise TgvigError(UNTRAINED)
        return nearest_remembered(self.model.memory_bank, self.places, self.features(photo)[0], at, size)

    def graph(self) -> nn.Module:
        """See Exportable; on the CPU, weights and bank are taken over."""
        return ScoringGraph(self.features, BankScores(self.model.memory_bank, self.model.num_neighbors, self._spread))
