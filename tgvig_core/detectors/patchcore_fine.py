"""PatchCore (Roth et al., CVPR 2022), finer, for few photos: a third layer, features of length 1, a closer look."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

from tgvig_core.detectors import score_prior
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.detectors.registry import detector
from tgvig_core.models.backbone_layers import spread_layers
from tgvig_core.models.backbones import Backbone
from tgvig_core.utils.errors import TgvigError

SEEN, GRID = 1.75, 28 / 256
"""It looks at a frame of 256 px as if it had 448, and compares 28 × 28 patches of it."""


@detector(
    "patchcore-fine", title="PatchCore, fine: separates good from defective better, takes three to four times as long",
    table="PatchCore, fine",
)  # fmt: skip
class PatchCoreFine(PatchCore):
    """Scoring a photo takes three to four times as long."""

    prior = score_prior.UNIT

    @classmethod
    def build(cls, backbone: Backbone | None, size: int, device: str = "cpu", settings: Any = None) -> Self:
        """See Detector; it takes other layers of the backbone."""
        if backbone is None:
            raise TgvigError("The detector patchcore-fine needs a backbone: give one, such as efficientnet_lite0.")
        given = settings if isinstance(settings, PatchCoreSettings) else PatchCoreSettings()
        fine = replace(given, seen=round(SEEN * size), grid=round(GRID * size), unit=True)
        return cls(replace(backbone, layers=spread_layers(backbone.name)), size, fine, device)
