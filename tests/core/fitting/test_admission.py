"""The gate: which generated images a detector may learn from, and what training does with those it rejects."""

import threading
from dataclasses import replace

import pytest
import torch
from photos import normals

from tgvig_core.detectors.base import ScoreSet
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.detectors.registry import detector as detectors
from tgvig_core.detectors.score_prior import UNIT
from tgvig_core.fitting import admission, pools
from tgvig_core.fitting.admission import admit
from tgvig_core.fitting.calibration import held_out, limits
from tgvig_core.fitting.results import Admission, Gate
from tgvig_core.fitting.training_sets import TrainingSet
from tgvig_core.fitting.words import of_admission, of_gate
from tgvig_core.packs import registry
from tgvig_core.photos.images import read_normals
from tgvig_core.photos.views import ViewPolicy, views
from tgvig_core.runs.settings import RunSettings
from tgvig_core.runs.steps import fit
from tgvig_core.runs.work import Work
from tgvig_core.storage.run_folder import Run
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import RunContext

SIZE = fit.SIZE
TGVIG = TrainingSet("tgvig")


class Brightness:
    """A detector whose distance is an image's mean brightness."""

    def score(self, images, exclude_group=None):
        level = images.mean((1, 2, 3))
        return ScoreSet(level, level[:, None, None].expand(-1, 4, 4))


def grey(*levels: float) -> torch.Tensor:
    return torch.stack([torch.full((3, 8, 8), level) for level in levels])


def test_an_image_is_kept_up_to_twice_the_threshold():
    found = admit(Brightness(), grey(0.125, 0.5, 0.75, 0.25, 0.625), 0.25)
    assert [image.kept for image in found.images] == [True, True, False, True, False]
    assert [image.distance for image in found.images] == [0.125, 0.5, 0.75, 0.25, 0.625]
    assert [image.image for image in found.images] == [0, 1, 2, 3, 4]
    assert (found.good, found.limit) == (0.25, 0.5)
    assert of_gate(found).startswith(
        "2 of 5 generated images lie too far"
    ) and "1 of 5 generated images lie farther" in of_gate(found)
    first, _, third, *_ = (of_admission(one, found.limit) for one in found.images)
    assert "0.75, is above the 0.5" in third and "within" in first


@pytest.mark.parametrize(
    ("good", "words"),
    [
        (0.1, "from the photos alone"),
        (0.3, "1 of 2 generated images lie farther"),
        (1.0, "All 2 generated images lie as near"),
    ],
)
def test_all_some_or_none_is_said(good, words):
    assert words in of_gate(admit(Brightness(), grey(0.25, 0.5), good))


def test_a_gate_says_what_it_rejected():
    images = tuple(Admission(place, kept, 1.0) for place, kept in enumerate((False, True, False)))
    assert Gate(0.5, 1.0, images).rejected == (0, 2)


def test_a_set_that_is_rejected_whole_leaves_the_photos_but_a_person_may_not_exclude_all():
    photos, made = grey(0.0, 0.1), grey(0.2, 0.3, 0.4)
    assert pools.tgvig(photos, made, (0,), (1, 2)).groups == (0, 1)
    assert pools.tgvig(photos, made, (), (1,)).groups == (0, 1, 0, 0)
    with pytest.raises(TgvigError, match="at least one"):
        pools.tgvig(photos, made, (0, 1, 2), ())


@pytest.fixture
def work(tmp_path) -> Work:
    """Two bottles and a set of four: two views of them and two of pure noise."""
    found = read_normals(normals("bottle", 2))
    photos, generator = found.tensor(SIZE), torch.Generator().manual_seed(1)
    near = torch.cat([views(photo, 1, ViewPolicy(), generator) for photo in photos])
    noise = torch.rand(2, 3, SIZE, SIZE, generator=generator) * 2 - 1
    settings = RunSettings(tuple(map(str, normals("bottle", 2))), "bottle", str(tmp_path / "run"), pack="embedded")
    run = Run.create(tmp_path / "run", {})
    run.save_set(1, torch.cat([near, noise]))
    run.save_set(2, noise)
    pack, _ = registry.choose("embedded")
    return Work(settings, run, registry.Models(pack, None, None, registry.load_backbone(pack)), "cpu", found)


def test_training_keeps_the_views_and_rejects_the_noise(work):
    photos = work.normals.tensor(SIZE)
    detector, card = fit.train(work, photos, 1, TGVIG)
    assert [one.kept for one in card.gate.images] == [True, True, False, False]
    assert card.rejected == (2, 3) and card.training_set.excluded == ()
    # photos 0 and 1, then the views of photos 0 and 1
    assert set(detector.places[:, 0].tolist()) <= {0, 1, 2, 3}
    pool = fit.pool_of(work, photos, 1, TGVIG, card.rejected)
    assert torch.equal(pool.images[:2], photos) and pool.groups == (0, 1, 0, 1)
    loaded, about = fit.train(work, photos, 1, TGVIG)
    assert about == card and len(loaded.places) == len(detector.places)


def test_a_set_of_noise_trains_the_photos_alone_and_says_so(work):
    photos = work.normals.tensor(SIZE)
    detector, card = fit.train(work, photos, 2, TGVIG)
    plain = PatchCore(work.models.backbone, SIZE)
    plain.fit(photos, range(2))
    assert "from the photos alone" in of_gate(card.gate) and card.lift.difference == 0
    assert torch.equal(detector.model.memory_bank, plain.model.memory_bank)


def test_a_run_may_ask_for_the_finer_kind_and_its_threshold_is_of_that_kind(work):
    photos = work.normals.tensor(SIZE)
    finer = replace(work, settings=replace(work.settings, detector="patchcore-fine"))
    detector, card = fit.train(finer, photos, 1, TGVIG)
    assert detector.settings == replace(work.settings.patchcore, seen=448, grid=28, unit=True)
    assert detector.backbone.layers == ("blocks.2", "blocks.4", "blocks.6")
    assert [one.kept for one in card.gate.images] == [True, True, False, False]
    loaded, about = fit.train(finer, photos, 1, TGVIG)
    assert about.saved.detector == "patchcore-fine" and loaded.settings == detector.settings
    assert about.calibration == card.calibration
    pool = fit.pool_of(finer, photos, 1, TGVIG, card.rejected)
    held = held_out(detector, pool, detector, photos, ViewPolicy(), work.settings.seed)
    assert held.others == UNIT and limits(held, 0.05).threshold == pytest.approx(card.calibration.threshold)
    with pytest.raises(TgvigError, match="patchcore, patchcore-fine"):
        detectors.get("finest")


def test_the_gate_can_be_stopped():
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        admission.admit(Brightness(), grey(0.1), 1.0, ctx=RunContext(stop=stop))
