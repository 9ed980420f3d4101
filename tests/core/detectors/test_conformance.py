"""What every registered detector keeps to (detectors/base.py), the worked example of CONTRIBUTING.md among them."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator

import pytest
import torch
from small import photo_tensor

from tgvig_core.detectors.abilities import Evidence, Explainable, Exportable
from tgvig_core.detectors.base import Detector, ScoreSet, load_detector
from tgvig_core.detectors.registry import detector as detectors
from tgvig_core.models.backbones import EFFICIENTNET_LITE0
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import RunContext

SIZE = 64
PATCHCORE = ("patchcore", "patchcore-fine")
"""These explain and are exported; another detector need not."""


@pytest.fixture(scope="module", params=[*detectors.names(), "toy"])
def name(request) -> Iterator[str]:
    """Each detector; the toy registers itself for these tests alone, other tests list what there is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detectors, "_made", dict(detectors._made))
        patch.delitem(sys.modules, "toy_detector", raising=False)
        if request.param == "toy":
            importlib.import_module("toy_detector")
        yield request.param


@pytest.fixture(scope="module")
def photos() -> torch.Tensor:
    return photo_tensor("bottle", 3, SIZE)


def made(name: str) -> Detector:
    return detectors.get(name).build(EFFICIENTNET_LITE0, SIZE)


@pytest.fixture(scope="module")
def fitted(name: str, photos: torch.Tensor) -> Detector:
    """Knows photos 0 and 1, and of photo 0 a mirrored copy."""
    detector = made(name)
    detector.fit(torch.cat([photos[:2], photos[:1].flip(3)]), [0, 1, 0], seed=3)
    return detector


def unknown(photos: torch.Tensor) -> torch.Tensor:
    """Two images that nothing was learned from: of what is remembered the distance is nothing but rounding."""
    return torch.cat([photos[2:], photos[2:].flip(3)])


def equal(one: ScoreSet, other: ScoreSet) -> bool:
    return torch.equal(one.scores, other.scores) and torch.equal(one.maps, other.maps)


def test_it_is_registered_with_a_title_and_a_law_of_its_scores(name):
    kind = detectors.get(name)
    assert issubclass(kind, Detector) and detectors.title(name) and detectors.name_of(kind) == name
    assert kind.prior.within > 0 and kind.prior.one_between > 0


def test_scores_and_maps_are_finite_raw_distances_in_the_frame(fitted, photos):
    found = fitted.score(photos)
    assert found.scores.shape == (3,) and found.maps.shape == (3, SIZE, SIZE)
    assert found.scores.device.type == found.maps.device.type == "cpu" and found.scores.dtype == torch.float32
    assert found.scores.isfinite().all() and (found.scores >= 0).all() and (found.maps >= 0).all()
    assert fitted.size == SIZE and (fitted.remembered is None or fitted.remembered > 0)
    shown = unknown(photos)
    alone = torch.cat([fitted.score(photo[None]).scores for photo in shown])
    torch.testing.assert_close(fitted.score(shown).scores, alone, rtol=1e-3, atol=1e-3)  # whatever the others are


def test_a_spoiled_photo_scores_higher_and_the_map_shows_where(fitted, photos):
    hurt = photos[2:].clone()
    hurt[:, :, 20:36, 20:36] = torch.tensor([1.0, -1.0]).repeat(8)
    before, after = fitted.score(photos[2:]), fitted.score(hurt)
    row, column = divmod(int((after.maps - before.maps)[0].argmax()), SIZE)
    assert after.scores > before.scores and 12 <= row < 44 and 12 <= column < 44


def test_a_photo_is_not_compared_with_what_comes_from_it(name, fitted, photos):
    own, held_out = fitted.score(photos[:1]), fitted.score(photos[:1], exclude_group=0)
    assert held_out.scores > own.scores
    assert equal(fitted.score(photos[:1]), own)  # and nothing was forgotten for good
    single = made(name)
    single.fit(photos[:1], [7])
    with pytest.raises(TgvigError):
        single.score(photos[:1], exclude_group=7)


def test_cross_fitting_is_fitting_without_a_fold(name, fitted, photos):
    pool, groups = torch.cat([photos, photos[:1].flip(3)]), [0, 1, 2, 0]
    found = list(fitted.cross_fitted(pool, groups, photos, [[0], [1, 2]], seed=3))
    for fold, one in zip(([0], [1, 2]), found, strict=True):
        kept = [place for place, group in enumerate(groups) if group not in fold]
        other = made(name)
        other.fit(pool[kept], [groups[place] for place in kept], seed=3)
        wanted = other.score(photos[fold])
        torch.testing.assert_close(one.scores, wanted.scores, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(one.maps, wanted.maps, rtol=1e-3, atol=1e-3)


def test_the_same_seed_gives_the_same_detector_and_fitting_begins_anew(name, fitted, photos):
    again = made(name)
    again.fit(photos, [0, 1, 2], seed=5)  # something else first
    again.fit(torch.cat([photos[:2], photos[:1].flip(3)]), [0, 1, 0], seed=3)
    assert equal(again.score(photos), fitted.score(photos))


def test_what_is_saved_is_loaded_by_its_name(name, fitted, photos, tmp_path):
    fitted.save(tmp_path, {"arm": "real"})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.json", "model.safetensors"]
    loaded = load_detector(tmp_path)
    assert type(loaded) is detectors.get(name) and loaded.settings == fitted.settings and loaded.size == SIZE
    for group in (None, 1):
        assert equal(loaded.score(photos, group), fitted.score(photos, group))


def test_a_saved_detector_that_was_changed_is_refused(fitted, tmp_path):
    fitted.save(tmp_path, {})
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(TgvigError, match="changed since they were saved"):
        load_detector(tmp_path)


def test_fitting_is_stopped_before_its_next_unit_of_work(name, photos):
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        made(name).fit(photos, range(3), ctx=RunContext(stop=stop))


def test_memory_that_is_short_halves_the_photos_at_once_or_is_a_sentence(name, photos, monkeypatch):
    detector = made(name)
    detector.fit(photos[:2], range(2))
    shown = unknown(photos)
    wanted, scoring = detector.score(shown), detector.scoring

    def short(least: int):
        def of(exclude_group=None):
            few = scoring(exclude_group)

            def one_by_one(images):
                if len(images) > least:
                    raise torch.OutOfMemoryError("CUDA out of memory")
                return few(images)

            return one_by_one

        return of

    monkeypatch.setattr(detector, "scoring", short(1))
    torch.testing.assert_close(detector.score(shown).scores, wanted.scores, rtol=1e-3, atol=1e-3)
    monkeypatch.setattr(detector, "scoring", short(0))
    with pytest.raises(TgvigError, match="not enough memory"):
        detector.score(shown)
    monkeypatch.setattr(detector, "learn", lambda *given: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(TgvigError, match="not enough memory for learning from 3 images"):
        detector.fit(photos, range(3))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers_are_refused(name, fitted, photos, value):
    spoiled = photos.clone()
    spoiled[1, 2, 5, 5] = value
    with pytest.raises(TgvigError, match="not numbers"):
        made(name).fit(spoiled, range(3))
    with pytest.raises(TgvigError, match="not numbers"):
        fitted.score(spoiled)


def test_what_was_not_fitted_scores_nothing_and_every_image_needs_its_group(name, photos):
    with pytest.raises(TgvigError, match="train it first"):
        made(name).score(photos)
    with pytest.raises(ValueError, match="3 images need as many groups, not 2"):
        made(name).fit(photos, [0, 1])


def test_what_explains_names_a_spot_of_the_pool(name, fitted, photos):
    if not isinstance(fitted, Explainable):
        assert name not in PATCHCORE
        return
    found = fitted.explain(photos[1], (40, 10))
    assert isinstance(found, Evidence) and found.image in range(3) and found.distance >= 0
    for x, y, width, height in (found.box, found.own_box):
        assert x >= 0 and x + width <= SIZE and y >= 0 and y + height <= SIZE


def test_what_exports_has_a_graph_with_the_same_scores(name, fitted, photos):
    if not isinstance(fitted, Exportable):
        assert name not in PATCHCORE
        return
    shown = unknown(photos)
    wanted = fitted.score(shown)
    with torch.inference_mode():
        scores, maps = fitted.graph().eval()(shown * 0.5 + 0.5)
    torch.testing.assert_close(scores, wanted.scores, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(maps, wanted.maps, rtol=1e-3, atol=1e-2)
