"""The detectors by name (as timm's registry does it), and their titles; nothing heavy is imported to list them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tgvig_core.utils.registry import Registry

if TYPE_CHECKING:
    from tgvig_core.detectors.base import Detector

detector: Registry[type[Detector]] = Registry("detector", "tgvig_core.detectors")
"""`@detector("name", title="…")` on a subclass of base.Detector adds one. `title` is what the page shows, `table` (else the
title) what tables of results show, `backbone=False` that it uses no backbone's features."""
