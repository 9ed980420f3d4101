"""PatchCore (Roth et al., CVPR 2022) between its usual kind and the fine one, one change more each (docs/benchmark.md)."""

from __future__ import annotations

from dataclasses import replace

from tgvig_core.benchmark.detectors.base import Materials, benchmark_detector
from tgvig_core.detectors import score_prior
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.models.backbone_layers import spread_layers
from tgvig_core.models.backbones import Backbone


@benchmark_detector("patchcore-deep", title="PatchCore, three layers", order=-2)
def deep(given: Materials) -> PatchCore:
    """On three layers in place of two."""
    return PatchCore(_three_layers(given), given.size, None, given.device)


@benchmark_detector("patchcore-deep-unit", title="PatchCore, three layers of unit length", order=-2)
def deep_unit(given: Materials) -> PatchCore:
    """And the features of each layer have length 1."""
    return _Unit(_three_layers(given), given.size, PatchCoreSettings(unit=True), given.device)


class _Unit(PatchCore):
    """PatchCore on features of length 1."""

    prior = score_prior.UNIT


def _three_layers(given: Materials) -> Backbone:
    return replace(given.backbone, layers=spread_layers(given.backbone.name))
