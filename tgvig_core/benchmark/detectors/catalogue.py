"""The detectors that `tgvig benchmark` compares, by name: the app's (and those of plugins) first, then the benchmark's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tgvig_core.benchmark.detectors.base import TRAININGS, Detector, Materials, benchmark_detector
from tgvig_core.detectors.registry import detector
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.registry import Entry

if TYPE_CHECKING:
    from tgvig_core.models.backbones import Backbone


def detectors() -> dict[str, Entry]:
    """All of them with the titles of tables, in the tables' order; torch is not imported for it."""
    ours = {
        name: replace(entry, title=entry.facts.get("table", entry.title)) for name, entry in detector.entries().items()
    }
    return ours | benchmark_detector.entries()


def takes_backbone(name: str) -> bool:
    """Whether its features come from a backbone that can be chosen; one that is unknown is refused when it is built."""
    entry = detectors().get(name)
    return entry is None or entry.facts.get("backbone", True)


def check(name: str, training: str = TRAININGS[0]) -> None:
    """Refuse what does not exist.

    Raises:
        TgvigError: there is no such detector or training.
    """
    for what, given, known in (("detector", name, detectors()), ("training", training, TRAININGS)):
        if given not in known:
            raise TgvigError(f"There is no {what} {given!r}: choose one of {', '.join(known)}.")


def build(
    name: str,
    backbone: Backbone | None,
    size: int,
    models_dir: Path | None = None,
    device: str = "cpu",
    training: str = TRAININGS[0],
) -> Detector:
    """A detector that has learned nothing yet; see Materials.

    Args:
        backbone: None for a detector that takes none.

    Raises:
        TgvigError: there is no such detector or training, the backbone is missing or does not suit it, or weights are
            missing or do not fit.
    """
    check(name, training)
    if backbone is None and takes_backbone(name):
        raise TgvigError(f"The detector {name} needs a backbone: give one, such as efficientnet_lite0.")
    if name in detector.names():
        return detector.get(name).build(backbone, size, device)
    return benchmark_detector.get(name)(Materials(backbone, size, models_dir, device, training))
