"""CFLOW-AD (Gudovskiy et al., WACV 2022, arXiv 2107.12571) through anomalib's module.

Likelihoods of patches become a map by exp(log p − top). anomalib, like the paper, takes the top over what is scored
together, so that a photo's score depends on the other photos; here it is taken over the training images, once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import torch
from anomalib.models.image.cflow.anomaly_map import AnomalyMapGenerator
from anomalib.models.image.cflow.lightning_model import Cflow as Module
from torch import Tensor, nn
from torch.nn import functional as F

from tgvig_core.benchmark.detectors.base import Materials, benchmark_detector
from tgvig_core.benchmark.detectors.fitted import AnomalibDetector, Transform, patch_side, transform_of
from tgvig_core.benchmark.detectors.training import BARE, Length, train
from tgvig_core.detectors.base import BATCH
from tgvig_core.models.backbone_layers import spread_layers
from tgvig_core.models.backbones import Backbone, fill, local_weights
from tgvig_core.utils.progress import RunContext

FIBRES = 64
"""Patches in one step of the optimiser, as in anomalib."""


@dataclass(frozen=True)
class CflowSettings(Length):
    """What differs from the published training; all else is anomalib's (8 coupling blocks, Adam at 1e-4)."""

    steps: int = 150
    batch: int = 2


LENGTHS = {"short": CflowSettings(), "published": CflowSettings(batch=16, epochs=50)}
"""By name. The published one is that of anomalib's configs/model/cflow.yaml (1.0), less its early stop, which asks for
defects; the authors train 25 × 8 epochs of 32 at another rate (config.py of gudovskiy/cflow-ad)."""


class Cflow(AnomalibDetector):
    """Conditional normalising flows over three layers of any backbone.

    Raises:
        TgvigError: the backbone's weights are missing or do not fit.
    """

    def __init__(
        self, backbone: Backbone, size: int = 256, device: str = "cpu", settings: CflowSettings | None = None
    ) -> None:
        super().__init__(size, device)
        self.backbone, self.settings = backbone, settings or CflowSettings()
        self.layers = spread_layers(backbone.name)
        self._state = local_weights(backbone)

    def learn(self, images: Tensor, groups: Sequence[int], ctx: RunContext) -> tuple[nn.Module, Transform]:
        """See AnomalibDetector."""
        module = Module(self.backbone.name, self.layers, pre_trained=False, **BARE)
        model = module.model
        fill(model.encoder, self.backbone, self.layers, self._state)
        side = patch_side(model.encoder, self.size)
        module.pre_processor = shown = Module.configure_pre_processor((side, side))
        transform = transform_of(shown)
        steps, batch = self.settings.of(len(images))
        model.fiber_batch_size = min(FIBRES, batch * _fewest(model.encoder, side))
        self.losses = train(module, "CFlow", images, steps, batch, self.device, ctx)
        model.anomaly_map_generator = scaled = TrainedScale(self.layers)
        model.to(self.device).eval()
        for part in images.split(BATCH):
            model(transform(part.to(self.device)))
        scaled.learning = False
        return model, transform


@benchmark_detector("cflow", title="CFlow", order=-1)
def build(given: Materials) -> Cflow:
    """See Cflow."""
    return Cflow(given.backbone, given.size, given.device, LENGTHS[given.training])


class TrainedScale(AnomalyMapGenerator):
    """anomalib's maps, but relative to the likeliest patch of the training images.

    Attributes:
        learning: while True, the likeliest patch of what passes is remembered.
        tops: its log-likelihood per dimension, for each layer.
    """

    def __init__(self, layers: Sequence[str]) -> None:
        super().__init__(layers)
        self.learning, self.tops = True, [float("-inf")] * len(layers)

    def compute_anomaly_map(
        self, distribution: list[Tensor], height: list[int], width: list[int],
        image_size: tuple[int, int] | torch.Size | None,
    ) -> Tensor:  # fmt: skip
        """Log-likelihoods of the patches, layer by layer, to N×H×W: the layers' number less their likelihoods."""
        if self.learning:
            self.tops = [max(top, float(values.max())) for top, values in zip(self.tops, distribution, strict=True)]
        likely = []
        for values, top, rows, columns in zip(distribution, self.tops, height, width, strict=True):
            grid = (values - top).exp().view(-1, 1, rows, columns)
            likely.append(F.interpolate(grid, image_size, mode="bilinear", align_corners=True)[:, 0])
        return len(self.tops) - reduce(add, likely)


@torch.inference_mode()
def _fewest(encoder: nn.Module, side: int) -> int:
    """Patches of an image in the coarsest layer: anomalib refuses to train on fewer than it steps over at once."""
    return min(layer.shape[-2] * layer.shape[-1] for layer in encoder(torch.zeros(1, 3, side, side)).values())
