"""A backbone that knows the photos it has seen: many detectors of one part look at the same ones."""

from __future__ import annotations

from torch import Tensor, nn

MOST_BATCHES = 300
"""Batches whose features are kept, about 1 MB each with EfficientNet-Lite0."""


class Remembering(nn.Module):
    """Stands in for a feature extractor.

    Args:
        backbone: asked for batches that are new.
        seen: features by batch; hand in the same one for every detector of a part.
    """

    def __init__(self, backbone: nn.Module, seen: dict[int, dict[str, Tensor]]) -> None:
        super().__init__()
        self.backbone, self.seen = backbone, seen

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        key = hash(images.numpy().tobytes())
        if key not in self.seen:
            if len(self.seen) > MOST_BATCHES:
                self.seen.clear()
            self.seen[key] = self.backbone(images)
        return self.seen[key]
