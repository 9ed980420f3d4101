"""PatchCore from pixels to scores as one graph of plain operations that ONNX and OpenVINO run alike."""

from __future__ import annotations

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn

from tgvig_core.detectors.nearest_neighbour import resizing
from tgvig_core.detectors.patchcore import PatchCore


class ScoringGraph(nn.Module):
    """images N×3×S×S float32 in [0, 1], RGB → scores N and maps N×S×S, raw, as PatchCore.score gives them.

    Args:
        detector: trained, on the CPU; its weights and bank are taken over.
    """

    def __init__(self, detector: PatchCore) -> None:
        super().__init__()
        model = detector.model
        self.extractor, self.joined = model.feature_extractor, detector.joined
        self.register_buffer("mean", torch.tensor(IMAGENET_DEFAULT_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_DEFAULT_STD).view(1, 3, 1, 1))
        whole = detector.seen == detector.size
        self.register_buffer("resize", None if whole else resizing(detector.size, detector.seen))
        self.scores = detector.scorer(model.memory_bank)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        seen = (images - self.mean) / self.std
        if self.resize is not None:
            seen = self.resize @ seen @ self.resize.T
        return self.scores(self.joined(self.extractor(seen)))
