"""PatchCore from pixels to scores as one graph of plain operations that ONNX and OpenVINO run alike."""

from __future__ import annotations

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from tgvig_core.detectors.nearest_neighbour import BankScores, resizing
from tgvig_core.detectors.patch_features import PatchFeatures


class ScoringGraph(nn.Module):
    """images N×3×S×S float32 in [0, 1], RGB → scores N and maps N×S×S, raw, as PatchCore.score gives them.

    Args:
        features: on the CPU; its weights are taken over.
        scores: of the memory bank.
    """

    mean: Tensor
    std: Tensor
    resize: Tensor | None

    def __init__(self, features: PatchFeatures, scores: BankScores) -> None:
        super().__init__()
        self.extractor, self.joined = features.model.feature_extractor, features.joined
        self.register_buffer("mean", torch.tensor(IMAGENET_DEFAULT_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_DEFAULT_STD).view(1, 3, 1, 1))
        whole = features.seen == features.size
        self.register_buffer("resize", None if whole else resizing(features.size, features.seen))
        self.scores = scores

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        seen = (images - self.mean) / self.std
        if self.resize is not None:
            seen = self.resize @ seen @ self.resize.T
        return self.scores(self.joined(self.extractor(seen)))
