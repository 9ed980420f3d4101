"""PatchCore's scoring (Roth et al., CVPR 2022) as one graph of plain operations that ONNX and OpenVINO run alike.

The same numbers as anomalib's module, less work: of the bank only the nearest row is looked for, the neighbours of every
row are a table, and what is linear about the map (nearest upsampling, Gaussian, resizing) is one matrix.
"""

from __future__ import annotations

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn
from torch.nn import functional as F

from tgvig_core.detectors import PatchCore, resized


class ScoringGraph(nn.Module):
    """images N×3×S×S float32 in [0, 1], RGB → scores N and maps N×S×S, raw, as PatchCore.score gives them.

    Args:
        detector: trained, on the CPU; its weights and bank are taken over.
    """

    def __init__(self, detector: PatchCore) -> None:
        super().__init__()
        model = detector.model
        bank = model.memory_bank
        self.extractor, self.pooler, self.embedding = (
            model.feature_extractor,
            model.feature_pooler,
            model.generate_embedding,
        )
        self.register_buffer("mean", torch.tensor(IMAGENET_DEFAULT_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(IMAGENET_DEFAULT_STD).view(1, 3, 1, 1))
        self.register_buffer("columns", bank.T.contiguous())  # D×R
        self.register_buffer("rows", bank.clone())  # R×D
        self.register_buffer("squares", bank.pow(2).sum(1))  # |m|², R
        self.weighted = model.num_neighbors > 1
        count = min(model.num_neighbors, len(bank))
        self.register_buffer(
            "neighbours", model.nearest_neighbors(bank, count)[1].view(len(bank), count)
        )  # N_b(m), R×b
        self.register_buffer("shrink", None if detector.seen == detector.size else _shrinking(detector))
        side = detector.features(torch.zeros(1, 3, detector.size, detector.size, device=detector.device)).shape[1]
        self.register_buffer("spread", _spreading(detector, side))  # S×side

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        seen = (images - self.mean) / self.std
        if self.shrink is not None:
            seen = self.shrink @ seen @ self.shrink.T
        layers = self.extractor(seen)
        grid = self.embedding({name: self.pooler(layer) for name, layer in layers.items()})
        patches = grid.flatten(2).transpose(1, 2)  # N×P×D
        own = patches.pow(2).sum(2)  # |f|²
        nearest = (self.squares - 2 * (patches @ self.columns)).amin(2) + own  # min over m of |f − m|²
        distances = nearest.clamp_min(0).sqrt()  # N×P
        maps = self.spread @ distances.view(-1, *grid.shape[2:]) @ self.spread.T
        return self._score(patches, own, distances), maps

    def _score(self, patches: Tensor, own: Tensor, distances: Tensor) -> Tensor:
        """The largest distance s*, weighted by how usual its neighbour is (Eq. 7 of PatchCore)."""
        place = distances.argmax(1, keepdim=True)  # of m^test,*
        highest = distances.gather(1, place)[:, 0]  # s*
        if not self.weighted:
            return highest
        patch = patches.gather(1, place[..., None].expand(-1, -1, patches.shape[2]))[:, 0]  # N×D
        to_bank = (self.squares - 2 * (patch @ self.columns) + own.gather(1, place)).clamp_min(0).sqrt()  # N×R
        near = self.neighbours[to_bank.argmin(1)]  # N_b(m*), N×b
        return highest * (1 - F.softmax(to_bank.gather(1, near), 1)[:, 0])


def _shrinking(detector: PatchCore) -> Tensor:
    """Resizing from S to the side that the backbone sees, as a matrix seen×S: it acts on rows and columns alike."""
    unit = torch.eye(detector.size)[None, None]  # column i is the i-th unit image along one axis
    return resized(unit.expand(1, 1, -1, -1), (detector.seen, detector.size))[0, 0]


def _spreading(detector: PatchCore, side: int) -> Tensor:
    """What anomalib does to the grid of distances on its way to the map, S×side: upsampled, blurred, resized."""
    bars = torch.eye(side)[:, None, :, None].expand(-1, 1, -1, side)  # image i: row i is 1; every column then is alike
    maps = detector.model.anomaly_map_generator(bars, (detector.seen, detector.seen))
    maps = maps if detector.seen == detector.size else resized(maps, (detector.size, detector.size))
    return maps[:, 0, :, 0].T.contiguous()
