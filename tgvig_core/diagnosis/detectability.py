"""What a detector would miss: the share of synthetic defects found against their strength and size, kind by kind.

A probability-of-detection curve (MIL-HDBK-1823A) over the defects of `defects.py`. They are no real ones: the curves are a
hint. A defect counts as found where its photo is called anomalous and the strangest spot lies on the defect or beside it;
a high score for another reason would find nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice

import torch
from scipy.stats import binomtest
from torch import Tensor

from tgvig_core.detectors.base import Detector
from tgvig_core.diagnosis.results import Detectability, KindCurve, Share
from tgvig_core.photos.views import ViewPolicy, views
from tgvig_core.synthetic.defects import KINDS, Defect, UnseenError, make_defect
from tgvig_core.synthetic.foreground import part_mask
from tgvig_core.synthetic.registry import is_line
from tgvig_core.utils.progress import QUIET, RunContext

STRENGTHS = (0.2, 0.4, 0.6, 0.8, 1.0)
WIDTHS, EXTENTS = (1.0, 2.0, 3.0, 4.0, 6.0), (8.0, 16.0, 32.0, 64.0)
"""Sizes tried at full strength, px of the frame: of a scratch its width, of the others their longest extent."""
PLACES = 4
"""Defects of each kind, each on a held-out photo of its own."""
NEAR = 1 / 16
"""How far the strangest spot may lie from the defect, a share of the frame's side: two patches of 8 px of 256."""
CHUNK = 8
"""Photos made and scored between two looks at the stop event."""
STEP = "Trying synthetic defects"


def detectability(
    detector: Detector, normals: Tensor, policy: ViewPolicy, threshold: float, seed: int = 0,
    ctx: RunContext = QUIET,
) -> Detectability:  # fmt: skip
    """Which synthetic defects are found, by kind, strength and size.

    A defect keeps its place and shape while its strength grows, and the weakest strength at which it is found is searched
    by halving: what is found there counts as found at every greater one. Sizes likewise, each size drawn anew.

    Args:
        detector: trained with `groups` that number the normals as here.
        normals: n×3×S×S in [-1, 1]. With two and more the photos themselves are spoiled, then views of them, and compared
            with what was learned without their own group; with one, views that training has not seen. Another photo of the part
            would score somewhat higher than these views, its defects too: the curves of one photo are on the low side.
        policy: how good parts may differ.
        threshold: raw image score above which a photo is called anomalous.

    Raises:
        Stopped: the stop event was set.
    """
    photos = _held_out(normals, policy, seed)
    searches, unseen = _searches(photos, normals.shape[-1], seed)
    total, scored, elsewhere = sum(search.most for search in searches), 0, 0
    ctx.progress(STEP, 0, total)
    while open_ := [search for search in searches if not search.settled]:
        for group in _chunks(open_):
            ctx.check()
            made = [(search, defect) for search in group if (defect := search.next_defect())]
            elsewhere += _try(detector, threshold, made)
            scored += len(made)
            ctx.progress(STEP, min(scored, total), total)
    ctx.progress(STEP, total, total)
    curves = tuple(_curve(kind, [s for s in searches if s.kind == kind]) for kind in KINDS if kind not in unseen)
    return Detectability(curves, unseen, PLACES, scored, elsewhere)


@dataclass(frozen=True)
class _Photo:
    """A held-out good photo: where its part is, and which group it must not be compared with."""

    image: Tensor
    part: Tensor
    exclude_group: int | None


def _held_out(normals: Tensor, policy: ViewPolicy, seed: int) -> list[_Photo]:
    """PLACES good photos, from as many normals as there are; sorted by what they must not be compared with."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + 900_001)  # no view that training has seen
    images: list[tuple[Tensor, int | None]]
    if len(normals) == 1:  # a mirrored or turned view is none that the detector is sure to remember
        policy = replace(policy, flips=False, turns=False)
        images = [(view, None) for view in views(normals[0], PLACES, policy, generator)]
    else:
        own = [place * len(normals) // PLACES for place in range(PLACES)]
        images = [
            (normals[at] if at not in own[:place] else views(normals[at], 1, policy, generator)[0], at)
            for place, at in enumerate(own)
        ]
    return [_Photo(image, part_mask(image), exclude_group) for image, exclude_group in images]


class _Search:
    """The first of a grid's values at which one defect is found; `first` is the grid's length where it never is."""

    def __init__(self, kind: str, photo: _Photo, seed: int, axis: str, grid: Sequence[float]) -> None:
        self.kind, self.photo, self.seed, self.axis, self.grid = kind, photo, seed, axis, grid
        self.low, self.first = 0, len(grid)
        self.most = math.ceil(math.log2(len(grid) + 1))

    @property
    def settled(self) -> bool:
        return self.low == self.first

    def next_defect(self) -> Defect | None:
        """The next one to try; None where it would change nothing, which is missed without a look."""
        value = self.grid[(self.low + self.first) // 2]
        strength, size = (value, None) if self.axis == "strength" else (1.0, value)
        try:
            return _defect(self.kind, self.photo, self.seed, strength, size)
        except UnseenError:
            self.learn(found=False)
            return None

    def learn(self, found: bool) -> None:
        middle = (self.low + self.first) // 2
        self.low, self.first = (self.low, middle) if found else (middle + 1, self.first)


def _defect(kind: str, photo: _Photo, seed: int, strength: float, size: float | None) -> Defect:
    return make_defect(photo.image, kind, strength, torch.Generator().manual_seed(seed), size, photo.part)


def _searches(photos: Sequence[_Photo], side: int, seed: int) -> tuple[list[_Search], tuple[str, ...]]:
    """What is to be searched, and the kinds that show on no photo."""
    searches, unseen = [], []
    for number, kind in enumerate(KINDS):
        sizes = [size for size in (WIDTHS if is_line(kind) else EXTENTS) if size <= side / 2]
        seeds = [seed * 1_000_003 + 910_007 + number * PLACES + place for place in range(PLACES)]
        shown = [(photo, own) for photo, own in zip(photos, seeds, strict=True) if _shows(kind, photo, own)]
        for photo, own in shown:
            searches.append(_Search(kind, photo, own, "strength", STRENGTHS))
            searches.append(_Search(kind, photo, own, "size", sizes))
        if not shown:
            unseen.append(kind)
    return searches, tuple(unseen)


def _shows(kind: str, photo: _Photo, seed: int) -> bool:
    try:
        _defect(kind, photo, seed, 1.0, None)
    except UnseenError:
        return False
    return True


def _chunks(searches: Sequence[_Search]) -> Iterator[list[_Search]]:
    """Searches whose photos are compared without the same group, CHUNK at a time."""

    def rows(search: _Search) -> int:
        return -1 if search.photo.exclude_group is None else search.photo.exclude_group

    for _, group in groupby(sorted(searches, key=rows), rows):
        while chunk := list(islice(group, CHUNK)):
            yield chunk


def _try(detector: Detector, threshold: float, made: Sequence[tuple[_Search, Defect]]) -> int:
    """Score spoiled photos and tell their searches; returns how many were called anomalous for another spot."""
    if not made:
        return 0
    batch = torch.stack([defect.image for _, defect in made])
    result = detector.score(batch, exclude_group=made[0][0].photo.exclude_group)
    elsewhere = 0
    for (search, defect), score, map in zip(made, result.scores, result.maps, strict=True):
        flagged, there = bool(score > threshold), on_defect(map, defect.mask)
        search.learn(found=flagged and there)
        elsewhere += flagged and not there
    return elsewhere


def on_defect(map: Tensor, mask: Tensor) -> bool:
    """Whether the map's highest pixel lies in the mask or at most NEAR of the side from it."""
    peak = torch.tensor(divmod(int(map.argmax()), map.shape[1]))
    nearest = (mask.cpu().nonzero() - peak).float().norm(dim=1).min()
    return bool(nearest <= NEAR * map.shape[1])


def _curve(kind: str, searches: Sequence[_Search]) -> KindCurve:
    strengths, sizes = (_shares([s for s in searches if s.axis == axis]) for axis in ("strength", "size"))
    return KindCurve(kind, strengths, sizes)


def _shares(searches: Sequence[_Search]) -> tuple[Share, ...]:
    grid = searches[0].grid
    return tuple(_share(at, [s.first <= place for s in searches]) for place, at in enumerate(grid))


def _share(at: float, found: Sequence[bool]) -> Share:
    interval = binomtest(sum(found), len(found)).proportion_ci(0.9, "wilson")
    return Share(at, sum(found), len(found), sum(found) / len(found), float(interval.low), float(interval.high))
