"""Curves of what is found: numbers worked out by hand with a detector that sees every change, and a real one on bottles."""

from __future__ import annotations

import json
import threading

import pytest
import torch
from scipy import ndimage
from small import photo_tensor

from tgvig_core.detectors.base import ScoreSet
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.diagnosis import detectability as module
from tgvig_core.diagnosis import words
from tgvig_core.diagnosis.detectability import STRENGTHS, detectability
from tgvig_core.diagnosis.results import Detectability, KindCurve, Share
from tgvig_core.diagnosis.words import detectability_json, of_detectability, of_kind
from tgvig_core.fitting.calibration import calibrate
from tgvig_core.fitting.pools import real
from tgvig_core.models.backbones import EFFICIENTNET_LITE0
from tgvig_core.photos.views import ViewPolicy
from tgvig_core.synthetic.defects import KINDS
from tgvig_core.synthetic.registry import defect
from tgvig_core.utils.errors import Stopped
from tgvig_core.utils.progress import RunContext

STILL = ViewPolicy(0, 0, 0)
SIDE = 64


class Eye:
    """Knows that good photos are of one colour: a pixel's value is its distance from the photo's commonest colour."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int | None]] = []

    def score(self, images: torch.Tensor, exclude_group: int | None = None) -> ScoreSet:
        self.asked.append((len(images), exclude_group))
        good = images.flatten(2).median(2).values
        return self.result((images - good[:, :, None, None]).abs().amax(1))

    def result(self, maps: torch.Tensor) -> ScoreSet:
        return ScoreSet(maps.flatten(1).amax(1), maps)


class Corner(Eye):
    """Calls everything anomalous for the frame's first pixel."""

    def result(self, maps: torch.Tensor) -> ScoreSet:
        maps = torch.zeros_like(maps)
        maps[:, 0, 0] = 9
        return super().result(maps)


class Width(Eye):
    """The score is how wide a changed spot is at its widest, in px."""

    def result(self, maps: torch.Tensor) -> ScoreSet:
        widths = [2 * ndimage.distance_transform_edt(map.numpy() > 0.3).max() for map in maps]
        return ScoreSet(torch.tensor(widths), maps)


def flat(*tones: float) -> torch.Tensor:
    return torch.stack([torch.full((3, SIDE, SIDE), tone) for tone in tones])


def curve(found: Detectability, kind: str):
    return next(curve for curve in found.kinds if curve.kind == kind)


def counts(shares: tuple[Share, ...]) -> list[int]:
    return [share.found for share in shares]


def test_a_dent_is_found_where_its_light_exceeds_the_threshold() -> None:
    found = detectability(Eye(), flat(0.0, 0.1), STILL, threshold=0.5)
    dent = curve(found, "dent")  # its light and shade are 0.7 of the strength: 0.42 at 0.6 and 0.56 at 0.8
    assert counts(dent.strengths) == [0, 0, 0, 4, 4]
    assert [share.at for share in dent.sizes] == [8, 16, 32] and counts(dent.sizes) == [
        4,
        4,
        4,
    ]  # half the frame at most
    assert of_kind(dent) == (
        "Dents are mostly missed up to strength 0.6 and found from 0.8 on. "
        "At full strength they are found from 8 px on, the smallest that was tried."
    )
    assert "Mostly missed at strength 0.6: " in of_detectability(found)
    assert "dents" in of_detectability(found).split(".")[1]


def test_a_kind_that_would_not_show_is_left_out_and_named() -> None:
    found = detectability(Eye(), flat(0.0, 0.1), STILL, threshold=0.5)
    assert "blend" in found.unseen and "dent" not in found.unseen  # one colour blended with itself
    assert {curve.kind for curve in found.kinds} | set(found.unseen) == set(KINDS)
    assert "would not show on this part: patches without a visible edge" in of_detectability(found)


def test_another_spot_is_no_detection() -> None:
    found = detectability(Corner(), flat(0.0, 0.1), STILL, threshold=0.5)
    assert all(share.found == 0 for curve in found.kinds for share in (*curve.strengths, *curve.sizes))
    assert found.elsewhere == found.scored > 0
    assert f"for another spot, which counts as missed: {found.scored} of" in of_detectability(found)
    assert "mostly missed at every strength" in of_kind(curve(found, "blob"))


def test_halving_finds_what_trying_every_strength_finds(monkeypatch) -> None:
    halved = detectability(Eye(), flat(0.0, 0.1), STILL, threshold=0.35, seed=3)
    for place, strength in ((1, 0.4), (3, 0.8)):
        monkeypatch.setattr(module, "STRENGTHS", (strength,))
        monkeypatch.setattr(words, "MIDDLE", strength)
        alone = detectability(Eye(), flat(0.0, 0.1), STILL, threshold=0.35, seed=3)
        for one, other in zip(halved.kinds, alone.kinds, strict=True):
            assert one.strengths[place].found == other.strengths[0].found


def test_scratches_are_told_apart_by_their_width() -> None:
    # with the soft pixel on both sides, a line of 1 px is at most 4 px wide and one of 6 px at least 6
    scratch = curve(detectability(Width(), flat(0.0, 0.1), STILL, threshold=4.9), "scratch")
    assert [share.at for share in scratch.sizes] == [1, 2, 3, 4, 6]
    assert counts(scratch.sizes)[0] == 0 and counts(scratch.sizes)[-1] == 4


def test_the_interval_is_wilsons() -> None:
    dent = curve(detectability(Eye(), flat(0.0, 0.1), STILL, threshold=0.5), "dent")
    none, all_ = dent.strengths[0], dent.strengths[-1]
    z = 1.6448536  # 0 of n: from 0 to z² / (n + z²)
    assert (none.trials, none.share, none.low) == (4, 0, 0) and none.high == pytest.approx(z**2 / (4 + z**2))
    assert (all_.share, all_.high) == (1, 1) and all_.low == pytest.approx(4 / (4 + z**2))


@pytest.mark.parametrize(
    ("tones", "left_out"),
    [([0.0], {None}), ([0.0, 0.1], {0, 1}), ([0.0, 0.1, 0.2], {0, 1, 2}), ([0.0, 0, 0, 0, 0, 0, 0, 0], {0, 2, 4, 6})],
)
def test_no_photo_is_compared_with_itself(tones: list[float], left_out: set) -> None:
    eye = Eye()
    found = detectability(eye, flat(*tones), STILL, threshold=0.5)
    assert {exclude_group for _, exclude_group in eye.asked} == left_out
    assert sum(count for count, _ in eye.asked) == found.scored


def test_the_seed_decides_and_the_result_goes_into_a_file() -> None:
    first, again, other = (detectability(Eye(), flat(0.0, 0.1), STILL, 0.5, seed) for seed in (1, 1, 2))
    assert first == again and first != other
    held = json.loads(json.dumps(detectability_json(first)))
    assert list(held) == ["kinds", "unseen", "places", "scored", "elsewhere", "words"]
    assert list(held["kinds"][0]) == ["kind", "name", "strengths", "sizes", "words"]
    assert list(held["kinds"][0]["strengths"][0]) == ["at", "found", "trials", "share", "low", "high"]


def test_it_tells_how_far_it_is_and_can_be_stopped() -> None:
    said, stop = [], threading.Event()
    detectability(Eye(), flat(0.0, 0.1), STILL, 0.5, ctx=RunContext(lambda *told: said.append(told)))
    done = [done for _, done, _ in said]
    assert done == sorted(done) and said[0][1] == 0 and said[-1][1] == said[-1][2] and len({t for *_, t in said}) == 1
    stop.set()
    with pytest.raises(Stopped):
        detectability(Eye(), flat(0.0, 0.1), STILL, 0.5, ctx=RunContext(stop=stop))


def shares(grid: list[float], found: list[int]) -> tuple[Share, ...]:
    return tuple(Share(at, count, 4, count / 4, 0, 1) for at, count in zip(grid, found, strict=True))


@pytest.mark.parametrize(
    ("strengths", "sizes", "said"),
    [
        (
            [2, 3, 4, 4, 4],
            [0, 1, 2, 4, 4],
            "Scratches are found from strength 0.2 on, the weakest that was tried. "
            "At full strength those thinner than 3 px are mostly missed.",
        ),
        (
            [0, 0, 0, 0, 1],
            [0, 0, 0, 0, 1],
            "Scratches of usual sizes are mostly missed at every strength. "
            "At full strength they are mostly missed up to 6 px, the largest that was tried.",
        ),
    ],
)
def test_the_words(strengths: list[int], sizes: list[int], said: str) -> None:
    curve = KindCurve("scratch", shares(list(STRENGTHS), strengths), shares([1, 2, 3, 4, 6], sizes))
    assert of_kind(curve) == said


def test_every_kind_has_a_name() -> None:
    assert set(defect.names()) == set(KINDS) and all(map(defect.title, KINDS))


def test_a_real_detector_on_real_bottles() -> None:
    bottles, policy = photo_tensor("bottle", 3, 128), ViewPolicy()
    detector = PatchCore(EFFICIENTNET_LITE0, 128)
    detector.fit(bottles, range(3))
    threshold = calibrate(detector, real(bottles), detector, bottles, policy).threshold
    found = detectability(detector, bottles, policy, threshold)
    assert found.unseen == () and len(found.kinds) == 9
    faint, full = (sum(curve.strengths[place].found for curve in found.kinds) for place in (0, -1))
    small, large = (sum(curve.sizes[place].found for curve in found.kinds) for place in (0, -1))
    assert faint < full / 2 and full >= 9 and small < large / 2 and large >= 27  # of 36 each
    blind = detectability(detector, bottles, policy, threshold=1e9)
    assert not any(share.found for curve in blind.kinds for share in (*curve.strengths, *curve.sizes))
