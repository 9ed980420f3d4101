"""PatchCore from pixels to scores as one graph of plain operations that ONNX and OpenVINO run alike."""

from __future__ import annotations

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from tgvig_core.detectors import PatchCore
from tgvig_core.scoring import shrinking


class ScoringGraph(nn.Module):
    """images N×3×S×S float32 in [0, 1], RGB → scores N and maps N×S×S, raw, as PatchCore.score gives them.

    Args:
        detector: trained, on the CPU; its weights and bank are taken over.
    """

    def __init__(self, detector: PatchCore) -> None:
        super().__init__()
        model = detector.model
        self.extractor, self.pooler, self.embedding = (
            model.feature_extractor,
            model.feature_pooler,
            model.generate_embedding,
        )
        self.register_buffer("mean", torch.tensor(IMAGENET_DEFAULT_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_DEFAULT_STD).view(1, 3, 1, 1))
        whole = detector.seen == detector.size
        self.register_buffer("shrink", None if whole else shrinking(detector.size, detector.seen))
        self.scores = detector.scorer(model.memory_bank)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        seen = (images - self.mean) / self.std
        if self.shrink is not None:
            seen = self.shrink @ seen @ self.shrink.T
        layers = self.extractor(seen)
        grid = self.embedding({name: self.pooler(layer) for name, layer in layers.items()})
        return self.scores(grid.permute(0, 2, 3, 1))
