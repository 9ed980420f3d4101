"""A detector in one file, as CONTRIBUTING.md shows it: how far each pixel's colour is from the good photos' mean image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tgvig_core.detectors.base import Detector, Scoring
from tgvig_core.detectors.registry import detector
from tgvig_core.detectors.score_prior import PLAIN
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import RunContext


@detector("toy", title="Mean image: quick, for parts that always lie alike", backbone=False)
class MeanImage(Detector):
    """Learns one mean image of each good photo and what comes from it."""

    prior = PLAIN  # PatchCore's; tools/research/measure_thresholds.py measures a detector's own
    means, groups = torch.empty(0), torch.empty(0)

    def learn(self, images: Tensor, groups: Sequence[int], seed: int, ctx: RunContext) -> None:
        self.groups, numbers = torch.tensor(list(groups)).unique(return_inverse=True)
        parts = ctx.track(range(len(self.groups)), "Taking means", len(self.groups))
        self.means = torch.stack([images[numbers == part].mean(0) for part in parts])  # G×3×S×S

    def scoring(self, exclude_group: int | None = None) -> Scoring:
        kept = self.means[self.groups != exclude_group] if exclude_group is not None else self.means
        if len(kept) == 0:
            raise TgvigError("The detector has learned from no good image: train it first.")
        mean = kept.mean(0).to(self.device)

        def few(images: Tensor) -> tuple[Tensor, Tensor]:
            maps = torch.linalg.vector_norm(images.to(self.device) - mean, dim=1)  # B×S×S
            return maps.flatten(1).amax(1), maps

        return few

    def state(self) -> dict[str, Tensor]:
        return {"means": self.means, "groups": self.groups}

    def restore(self, state: dict[str, Tensor]) -> None:
        self.means, self.groups = state["means"], state["groups"]
