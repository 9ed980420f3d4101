"""WinCLIP (Jeong et al., CVPR 2023, arXiv 2303.14814) through anomalib's model, with weights from a file.

anomalib's model is written for open_clip before 2.26, whose transformers took tokens before images. With today's, which take
images first, it still runs, but windows of one place attend to each other; here the windows are given the right way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from anomalib.models.image.winclip.lightning_model import WinClip as Module
from anomalib.models.image.winclip.torch_model import BACKBONE, TEMPERATURE, WinClipModel
from torch import Tensor, nn

from tgvig_core.benchmark.detectors.base import Materials, benchmark_detector
from tgvig_core.benchmark.detectors.fitted import AnomalibDetector, Transform, transform_of
from tgvig_core.detectors.base import BATCH
from tgvig_core.models.encoders.clip_weights import load_clip
from tgvig_core.packs.files import PackFile, local_file
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.memory import in_parts
from tgvig_core.utils.progress import RunContext

if TYPE_CHECKING:
    from open_clip import CLIP, CustomTextCLIP

WEIGHTS = PackFile(
    "ViT-B-16-plus-240-laion400m_e31.safetensors", "CLIP ViT-B-16-plus-240, LAION-400M, of open_clip",
    "hub, through open_clip", "MIT", 833,
)  # fmt: skip
NAME = "object"
"""What the prompts call the part: anomalib's word where it knows none."""
SCALES = (2, 3)
"""Sides of the windows in patches, as in the paper."""


class WinClip(AnomalibDetector):
    """Windows of a photo compared with words for good and defective parts and with the windows of good images.

    Args:
        models_dir: where the weights are looked for; they are never fetched.
        architecture: open_clip's name of the network.

    Raises:
        TgvigError: the weights are missing or do not fit.
    """

    def __init__(
        self, size: int = 256, models_dir: Path | None = None, device: str = "cpu", architecture: str = BACKBONE
    ) -> None:
        super().__init__(size, device)
        if (file := local_file(WEIGHTS, models_dir)) is None:
            raise TgvigError(
                f"WinCLIP needs {WEIGHTS.name} ({WEIGHTS.megabytes} MB, {WEIGHTS.what}): bring it into a folder under "
                "that name and give --models-dir."
            )
        clip, _ = load_clip(architecture, str(file))
        self._model = _LocalWinClip(clip)
        self._shown = transform_of(Module.configure_pre_processor())

    def learn(self, images: Tensor, groups: Sequence[int], ctx: RunContext) -> tuple[nn.Module, Transform]:
        """See AnomalibDetector. All images are references."""
        model = self._model.to(self.device).eval()
        model.setup(NAME)
        parts, found = images.split(BATCH), []
        for part in ctx.track(parts, "Looking at the good images", len(parts)):
            found += in_parts(self._encoded, part, "looking at good images")
        model.refer_to(found)
        return model, self._shown

    @torch.no_grad()
    def _encoded(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """The windows of each scale and the patches of images, N×3×S×S in [0, 1]."""
        return self._model.encode_image(self._shown(images.to(self.device)))[1:]


@benchmark_detector("winclip", title="WinCLIP", backbone=False, order=1)
def build(given: Materials) -> WinClip:
    """See WinClip."""
    return WinClip(given.size, given.models_dir, given.device)


class _LocalWinClip(WinClipModel):
    """anomalib's model over a CLIP that is there: its own constructor always asks the hub for one."""

    def __init__(self, clip: CLIP | CustomTextCLIP) -> None:
        nn.Module.__init__(self)
        self.class_name = self.reference_images = None
        self.temperature, self.scales, self.apply_transform, self.k_shot = TEMPERATURE, SCALES, False, 0
        self.clip = clip
        clip.visual.output_tokens = True
        self.grid_size = clip.visual.grid_size
        self.register_buffer_list("masks", self._generate_masks(), persistent=False)
        self.register_buffer("_text_embeddings", torch.empty(0))
        self.register_buffer_list("_visual_embeddings", [torch.empty(0) for _ in self.scales])
        self.register_buffer("_patch_embeddings", torch.empty(0))

    def refer_to(self, found: Sequence[tuple[list[Tensor], Tensor]]) -> None:
        """Remember references by parts of them, encoded, which anomalib's `setup` does in one batch of all."""
        windows, patches = zip(*found, strict=True)
        self._visual_embeddings = [torch.cat(scale) for scale in zip(*windows, strict=True)]
        self._patch_embeddings = torch.cat(patches)
        self.k_shot = len(self._patch_embeddings)

    def _get_window_embeddings(self, feature_map: Tensor, masks: Tensor) -> Tensor:
        """As anomalib's, for transformers that take images first.

        Args:
            feature_map: N×(1 + patches)×D, the class token first.
            masks: patches of a window × windows.
        """
        visual = self.clip.visual
        places = torch.cat([torch.zeros_like(masks[:1]), masks + 1]).T  # windows × (1 + patches of one)
        tokens = feature_map[:, places].flatten(0, 1)  # of each window of each image
        pooled, _ = visual._global_pool(visual.ln_post(visual.transformer(visual.ln_pre(tokens))))
        pooled = pooled if visual.proj is None else pooled @ visual.proj
        return pooled.view(len(feature_map), len(places), -1)
