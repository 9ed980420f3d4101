"""Shapes of a compact f8 VQGAN that were compared (docs/vqgan.md); patches of Shi et al. 2016, several codes of MoVQ 2022."""

from __future__ import annotations

from tgvig_core.models.vqgan import COMPACT_F8, VqganConfig

SHAPES = {
    "first": VqganConfig(32, (1, 1, 2, 4), 1, (), 32, 32, 2048),
    "p2-c64": VqganConfig(64, (1, 1, 2), 1, (), 64, 64, 2048, patch=2, heads=4),
    "p4-c96": VqganConfig(96, (1, 1), 1, (), 64, 64, 2048, patch=4, heads=4),
    "p4-c128": VqganConfig(128, (1, 1), 1, (), 64, 64, 2048, patch=4, heads=4),
    "p8-c192": COMPACT_F8,
    "p8-c256": VqganConfig(256, (1,), 1, (), 64, 64, 2048, patch=8, heads=4),
}
"""All have f = 8: patch · 2 ** (levels - 1)."""
