"""PatchCore's settings (Roth et al., CVPR 2022): plain values, kept in RUN/config.json and model.json."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PatchCoreSettings:
    """PatchCore's settings.

    Attributes:
        neighbours: b of the image score's re-weighting (the paper and anomalib: 9).
        coreset_ratio: share of all patches that is remembered (anomalib: 0.1).
        coreset_least: but at least so many: a tenth of one photo's patches would be far too few.
        seen: side in px at which the backbone sees the frame; None for the frame's own.
        grid: patches along a side; layers with more are averaged, those with fewer interpolated. None for as many as the
            first layer has.
        unit: give the features of every layer length 1 at every place, so that no layer outweighs another one and only
            their direction counts (docs/benchmark.md has what both are worth).
    """

    neighbours: int = 9
    coreset_ratio: float = 0.1
    coreset_least: int = 1000
    seen: int | None = None
    grid: int | None = None
    unit: bool = False
