"""Reverse Distillation from one-class embedding (Deng and Li, CVPR 2022, arXiv 2201.10703) through anomalib's module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anomalib.models.components.feature_extractors import TimmFeatureExtractor
from anomalib.models.image.reverse_distillation.lightning_model import ReverseDistillation as Module
from torch import Tensor, nn

from tgvig_core.benchmark.detectors.base import Materials, benchmark_detector
from tgvig_core.benchmark.detectors.fitted import AnomalibDetector, Transform, transform_of
from tgvig_core.benchmark.detectors.training import BARE, Length, train
from tgvig_core.models.backbones import Backbone, fill, local_weights
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import RunContext

LAYERS = ("layer1", "layer2", "layer3")
DECODERS = (
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d", "resnext101_32x8d",
    "wide_resnet50_2", "wide_resnet101_2",
)  # fmt: skip
"""Backbones that anomalib has a decoder for."""
STRIDE = 32
"""Of the bottleneck: the decoder's maps fit the encoder's for sides of whole strides only."""


@dataclass(frozen=True)
class ReverseDistillationSettings(Length):
    """What differs from the published training; all else is anomalib's (Adam at 0.005, maps added, blurred with σ = 4)."""

    steps: int = 100
    batch: int = 4


LENGTHS = {"short": ReverseDistillationSettings(), "published": ReverseDistillationSettings(batch=16, epochs=200)}
"""By name. The published one is the authors' (main.py of hq-deng/RD4AD); anomalib's
examples/configs/model/reverse_distillation.yaml has 200 epochs too, of 32."""


class ReverseDistillation(AnomalibDetector):
    """A decoder learns to give a ResNet's features back from their embedding; where it fails, the photo is strange.

    Raises:
        TgvigError: there is no decoder for the backbone, or its weights are missing or do not fit.
    """

    def __init__(
        self, backbone: Backbone, size: int = 256, device: str = "cpu",
        settings: ReverseDistillationSettings | None = None,
    ) -> None:  # fmt: skip
        super().__init__(size, device)
        self.backbone, self.settings = backbone, settings or ReverseDistillationSettings()
        self._name = backbone.name.partition(".")[0]  # anomalib finds its decoders by the name without the weights' tag
        if self._name not in DECODERS:
            raise TgvigError(
                f"Reverse Distillation has no decoder for the backbone {backbone.name}: give resnet18.tv_in1k, "
                "wide_resnet50_2.tv_in1k or another ResNet."
            )
        self._state = local_weights(backbone)

    def learn(self, images: Tensor, groups: Sequence[int], ctx: RunContext) -> tuple[nn.Module, Transform]:
        """See AnomalibDetector."""
        side = max(2, round(self.size / STRIDE)) * STRIDE
        shown = Module.configure_pre_processor((side, side))
        module = Module(self._name, LAYERS, pre_trained=False, pre_processor=shown, **BARE)
        encoder = module.model.encoder
        assert isinstance(encoder, TimmFeatureExtractor)
        fill(encoder, self.backbone, LAYERS, self._state)
        steps, batch = self.settings.of(len(images))
        self.losses = train(module, "Reverse Distillation", images, steps, batch, self.device, ctx)
        return module.model, transform_of(shown)


@benchmark_detector("reverse-distillation", title="Reverse Distillation", order=-1)
def build(given: Materials) -> ReverseDistillation:
    """See ReverseDistillation."""
    return ReverseDistillation(given.backbone, given.size, given.device, LENGTHS[given.training])
