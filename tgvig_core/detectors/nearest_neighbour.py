"""PatchCore's scores (Roth et al., CVPR 2022, arXiv 2106.08265) with less work than anomalib's forward, the same numbers.

Of the bank only the nearest row is looked for, by one matrix product; what is linear about the map (nearest upsampling,
Gaussian, resizing) is one matrix on either side. Plain operations only: torch, ONNX and OpenVINO run them alike.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from anomalib.models.image.patchcore.anomaly_map import AnomalyMapGenerator

BLOCK = 256
"""Patches of a photo that are compared with the bank at once: their distances to 2,000 rows stay in a processor's cache."""


class BankScores(nn.Module):
    """How far patches are from remembered ones.

    Args:
        rows: m, the memory bank, R×D.
        neighbours: b of the image score's re-weighting; with 1 there is none.
        spread: what makes a map of a grid of distances, see `spreading`.
    """

    centre: Tensor
    rows: Tensor
    squares: Tensor
    spread: Tensor

    def __init__(self, rows: Tensor, neighbours: int, spread: Tensor) -> None:
        super().__init__()
        # the origin of what follows: ‖f‖² + ‖m‖² − 2 f·m then loses no digits to an offset that all rows share
        self.register_buffer("centre", rows.mean(0))
        self.register_buffer("rows", rows - self.centre)
        self.register_buffer("squares", self.rows.square().sum(1))  # ‖m‖²
        self.register_buffer("spread", spread)
        self.weighted, self.neighbours = neighbours > 1, min(neighbours, len(rows))

    def forward(self, grids: Tensor) -> tuple[Tensor, Tensor]:
        """Patch features N×side×side×D → image scores N and maps N×S×S, raw."""
        patches = grids.flatten(1, 2) - self.centre  # f, N×P×D
        own = patches.square().sum(2)  # ‖f‖²
        apart = [self._apart(block).amin(2) for block in patches.split(BLOCK, 1)]
        nearest = torch.cat(apart, 1) + own  # min over m of ‖f − m‖²
        distances = nearest.clamp_min(0).sqrt()  # N×P
        maps = self.spread @ distances.view(grids.shape[:3]) @ self.spread.T
        return self._score(patches, own, distances), maps

    def _apart(self, patches: Tensor) -> Tensor:
        """‖m‖² − 2 f·m, the part of ‖f − m‖² that differs from row to row: …×D → …×R."""
        flat = torch.addmm(self.squares, patches.reshape(-1, patches.shape[-1]), self.rows.T, alpha=-2)
        return flat.view(*patches.shape[:-1], len(self.rows))

    def _score(self, patches: Tensor, own: Tensor, distances: Tensor) -> Tensor:
        """The largest distance s*, weighted by how usual its neighbour is (Eq. 7 of PatchCore)."""
        place = distances.argmax(1, keepdim=True)  # of m^test,*
        highest = distances.gather(1, place)[:, 0]  # s*
        if not self.weighted:
            return highest
        patch = patches.gather(1, place[..., None].expand(-1, -1, patches.shape[2]))[:, 0]  # N×D
        to_bank = (self._apart(patch) + own.gather(1, place)).clamp_min(0).sqrt()  # N×R
        closest = self.rows[to_bank.argmin(1)]  # m*, N×D
        near = self._apart(closest).topk(self.neighbours, largest=False).indices  # N_b(m*), N×b
        return highest * (1 - F.softmax(to_bank.gather(1, near), 1)[:, 0])


def spreading(generator: AnomalyMapGenerator, side: int, seen: int, size: int) -> Tensor:
    """What anomalib does to a grid of distances on its way to the map, S×side: upsampled, blurred, resized.

    Args:
        side: patches along the grid's side. seen: px that the backbone sees. size: S.
    """
    narrow = 64  # columns are alike, so as many as the blur needs are enough
    bars = torch.eye(side)[:, None, :, None].expand(-1, 1, -1, narrow)  # image i: row i is 1
    maps = copy.deepcopy(generator).cpu()(bars, (seen, narrow))
    maps = maps if seen == size else resized(maps, (size, narrow))
    return maps[:, 0, :, 0].T.contiguous()


def resizing(size: int, seen: int) -> Tensor:
    """Resizing from S to the side that the backbone sees, as a matrix seen×S: it acts on rows and columns alike."""
    unit = torch.eye(size)[None, None]  # column i is the i-th unit image along one axis
    return resized(unit, (seen, size))[0, 0]


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """N×C×H×W to another height and width, bilinear with antialias."""
    return F.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False)
