"""Detectors of anomalib that only remember: its own PatchCore (arXiv 2106.08265) and AnomalyDINO (arXiv 2405.14529)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from anomalib.models.components.feature_extractors import TimmFeatureExtractor
from anomalib.models.image.anomaly_dino.lightning_model import AnomalyDINO
from anomalib.models.image.anomaly_dino.torch_model import AnomalyDINOModel
from anomalib.models.image.patchcore.anomaly_map import AnomalyMapGenerator
from anomalib.models.image.patchcore.lightning_model import Patchcore
from anomalib.models.image.patchcore.torch_model import PatchcoreModel
from torch import Tensor, nn

from tgvig_core.benchmark.detectors.base import Materials, benchmark_detector
from tgvig_core.benchmark.detectors.fitted import AnomalibDetector, Transform, patch_side, transform_of
from tgvig_core.detectors.base import BATCH
from tgvig_core.models.backbones import Backbone, fill, local_weights, patchcore_model
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import RunContext

NEIGHBOURS, CORESET = 9, 0.1
"""anomalib's defaults, which are the paper's."""


class PatchcoreAnomalib(AnomalibDetector):
    """anomalib's PatchCore with its defaults: a tenth of all patches, found by its own k-center search, and no fewer.

    The search takes gigabytes and minutes for some ten images and cannot be stopped; detectors.PatchCore has its own.

    Raises:
        TgvigError: the backbone's weights are missing or do not fit.
    """

    def __init__(self, backbone: Backbone, size: int = 256, device: str = "cpu") -> None:
        super().__init__(size, device)
        self._model = patchcore_model(backbone, NEIGHBOURS)
        side = patch_side(self._model.feature_extractor, size)
        self._shown = transform_of(Patchcore.configure_pre_processor((side, side)))

    def learn(self, images: Tensor, groups: Sequence[int], ctx: RunContext) -> tuple[nn.Module, Transform]:
        """See AnomalibDetector."""
        model = self._model.to(self.device).train()
        model.feature_extractor.eval()  # as anomalib does
        _remember(model, images, self._shown, self.device, ctx)
        model.subsample_embedding(CORESET)
        return model, self._shown


@benchmark_detector("patchcore-anomalib", title="PatchCore (anomalib's defaults)", order=-1)
def patchcore_anomalib(given: Materials) -> PatchcoreAnomalib:
    """See PatchcoreAnomalib."""
    return PatchcoreAnomalib(given.backbone, given.size, given.device)


class AnomalyDino(AnomalibDetector):
    """Cosine distances of DINOv2's patches to all those of the good images; anomalib's defaults, no masking.

    Raises:
        TgvigError: the backbone is no DINOv2, or its weights are missing or do not fit.
    """

    def __init__(self, backbone: Backbone, size: int = 256, device: str = "cpu") -> None:
        super().__init__(size, device)
        if "dino" not in backbone.name:
            raise TgvigError(
                f"AnomalyDINO needs a DINOv2, not {backbone.name}: give vit_small_patch14_reg4_dinov2.lvd142m."
            )
        self._model = _LocalDino(backbone)
        side = patch_side(self._model.feature_encoder, size)
        self._shown = transform_of(AnomalyDINO.configure_pre_processor((side, side)))

    def learn(self, images: Tensor, groups: Sequence[int], ctx: RunContext) -> tuple[nn.Module, Transform]:
        """See AnomalibDetector."""
        model = self._model.to(self.device).train()
        model.feature_encoder.eval()
        _remember(model, images, self._shown, self.device, ctx)
        model.fit()
        return model, self._shown


@benchmark_detector("anomaly-dino", title="AnomalyDINO", order=2)
def anomaly_dino(given: Materials) -> AnomalyDino:
    """See AnomalyDino."""
    return AnomalyDino(given.backbone, given.size, given.device)


class _LocalDino(AnomalyDINOModel):
    """anomalib's model with its defaults and weights from a file: its own constructor always asks the hub for them."""

    def __init__(self, backbone: Backbone) -> None:
        nn.Module.__init__(self)
        self.num_neighbours, self.masking, self.coreset_subsampling = 1, False, False
        self.last_layer = f"blocks.{self._last_block_index(backbone.name)}"
        self.feature_encoder = TimmFeatureExtractor(
            backbone.name, [self.last_layer], pre_trained=False, output_fmt="NLC", norm=True
        )
        fill(self.feature_encoder, backbone, [self.last_layer], local_weights(backbone))
        self.patch_size = self.feature_encoder.patch_size
        self.register_buffer("memory_bank", torch.empty(0))
        self.embedding_store: list[Tensor] = []
        self.anomaly_map_generator = AnomalyMapGenerator()


@torch.no_grad()
def _remember(
    model: PatchcoreModel | AnomalyDINOModel, images: Tensor, shown: Transform, device: torch.device,
    ctx: RunContext,
) -> None:  # fmt: skip
    """Show a model in training mode all images: it keeps their patches."""
    model.embedding_store.clear()  # what a fit that was stopped had shown it
    parts = images.split(BATCH)
    for part in ctx.track(parts, "Looking at the good images", len(parts)):
        model(shown(part.to(device)))
