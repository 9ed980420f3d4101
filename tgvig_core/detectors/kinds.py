"""PatchCore (Roth et al., CVPR 2022) as it is offered: with its usual two layers, or finer, for few photos (docs/benchmark.md)."""

from __future__ import annotations

from dataclasses import replace

from tgvig_core.detectors.patchcore import PatchCore, PatchCoreSettings
from tgvig_core.models.backbone_layers import spread_layers
from tgvig_core.models.backbones import Backbone
from tgvig_core.utils.errors import TgvigError

KINDS = ("patchcore", "patchcore-fine")
SEEN, GRID = 1.75, 28 / 256
"""`patchcore-fine` looks at a frame of 256 px as if it had 448, and compares 28 × 28 patches of it."""


def patchcore(
    kind: str, backbone: Backbone, size: int, settings: PatchCoreSettings | None = None, device: str = "cpu"
) -> PatchCore:
    """A detector that remembers nothing yet.

    Args:
        kind: one of KINDS. `patchcore-fine` has a third, later layer, features of length 1 in every layer, and a closer look;
            scoring a photo takes three to four times as long.
        backbone: where features come from; the fine kind takes other layers of it.
        size: S, side in px of the square images. settings: of both kinds.

    Raises:
        TgvigError: there is no such kind, or the backbone's weights do not fit.
    """
    if kind not in KINDS:
        raise TgvigError(f"There is no detector {kind!r}: choose one of {', '.join(KINDS)}.")
    settings = settings or PatchCoreSettings()
    if kind == "patchcore-fine":
        backbone = replace(backbone, layers=spread_layers(backbone.name))
        settings = replace(settings, seen=round(SEEN * size), grid=round(GRID * size), unit=True)
    return PatchCore(backbone, size, settings, device)
