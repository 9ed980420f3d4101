"""Patch features of a frozen backbone as PatchCore forms them (Roth et al., CVPR 2022, section 3.1), through anomalib's module."""

from __future__ import annotations

import functools

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn
from torch.nn import functional as F

from tgvig_core.detectors.base import BATCH, finite
from tgvig_core.detectors.nearest_neighbour import resized
from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.models.backbones import Backbone, patchcore_model, quick_extractor
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.memory import in_parts
from tgvig_core.utils.progress import QUIET, RunContext


class PatchFeatures:
    """Images to grids of patch features.

    Args:
        backbone: where the features come from.
        size: S, side in px of the square images.

    Attributes:
        model: anomalib's module; its memory bank is PatchCore's affair.
        seen: side in px at which the backbone sees the frame.
    """

    def __init__(
        self, backbone: Backbone, size: int, settings: PatchCoreSettings | None = None, device: str = "cpu",
        with_weights: bool = True,
    ) -> None:  # fmt: skip
        self.size, self.settings, self.device = size, settings or PatchCoreSettings(), torch.device(device)
        self.model = patchcore_model(backbone, self.settings.neighbours, with_weights).to(self.device)
        patch = getattr(self.model.feature_extractor, "patch_size", 1)  # a vision transformer takes whole patches only
        self.seen = (self.settings.seen or size) // patch * patch
        self.mean = torch.tensor(IMAGENET_DEFAULT_MEAN, device=self.device).view(1, 3, 1, 1)
        self.std = torch.tensor(IMAGENET_DEFAULT_STD, device=self.device).view(1, 3, 1, 1)

    @functools.cached_property
    def extractor(self) -> nn.Module:
        """The backbone with the weights that the model has when it is first asked for."""
        return quick_extractor(self.model)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Features B×rows×columns×D of images, B×3×S×S in [-1, 1], as anomalib's model forms them.

        The grid covers the whole frame, whatever side the backbone sees it at.

        Raises:
            TgvigError: a feature is not finite; the coreset's search would never end on it.
        """
        normalised = (images.to(self.device) * 0.5 + 0.5 - self.mean) / self.std
        seen = normalised if self.seen == self.size else resized(normalised, (self.seen, self.seen))
        layers = self.extractor(seen.contiguous(memory_format=torch.channels_last))
        found = self.joined(layers)
        if not finite(found):
            raise TgvigError("The detector's model gives features that are not numbers: fetch its pack again.")
        return found

    def grids(self, images: Tensor, ctx: RunContext = QUIET) -> Tensor:
        """Features of any number of images, a few at a time: N×rows×columns×D.

        Raises:
            TgvigError: memory is too short. Stopped: the stop event was set.
        """
        parts = images.split(BATCH)
        steps = ctx.track(parts, "Looking at the good images", len(parts))
        return torch.cat([g for part in steps for g in in_parts(self, part, "looking at good images")])

    def joined(self, layers: dict[str, Tensor]) -> Tensor:
        """The backbone's layers, B×C×h×w each, as patch features B×rows×columns×D."""
        pooled = {name: self.model.feature_pooler(layer) for name, layer in layers.items()}
        if side := self.settings.grid:
            pooled = {name: _shrunk(layer, side) for name, layer in pooled.items()}
        if self.settings.unit:
            pooled = {name: F.normalize(layer, dim=1) for name, layer in pooled.items()}
        return self.model.generate_embedding(pooled).permute(0, 2, 3, 1)


def _shrunk(layer: Tensor, side: int) -> Tensor:
    return F.adaptive_avg_pool2d(layer, side) if layer.shape[-1] > side else layer
