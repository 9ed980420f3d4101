"""One draw measured on real photos: paired arms, figures that an independent computation gives too, errors as rows."""

from __future__ import annotations

import random
import shutil
import threading
from dataclasses import replace

import pytest
import torch
from photos import category
from sklearn.metrics import roc_auc_score

from tgvig_core.benchmark import cell as cells
from tgvig_core.benchmark.arms import COPIES, arm
from tgvig_core.benchmark.cell import evenly, measure
from tgvig_core.benchmark.plan import Draw, Plan
from tgvig_core.benchmark.results.costs import Costs, StepCost
from tgvig_core.benchmark.results.rows import Row
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.models.backbones import EFFICIENTNET_LITE0
from tgvig_core.photos.images import read_normals, read_photo, to_square, to_tensor
from tgvig_core.photos.labelled_folder import read_test_folder
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import RunContext

SIZE = 128


def plan(**others) -> Plan:
    folder = category("hazelnut")
    given = dict(images=2, iterations=2, size=SIZE, most_tests=4, shots=(1,), seeds=1) | others
    return Plan("folder", str(folder.parent), ("hazelnut",), **given)


def rows(asked: Plan, draw: Draw | None = None) -> dict[str, Row]:
    draw = draw or next(asked.draws())
    return {row.arm: row for row in measure(asked, draw, asked.cells(draw))}


@pytest.fixture(scope="module")
def measured() -> dict[str, Row]:
    return rows(plan(arms=("real", "augment", "tgvig", "tgvig-notext", "tgvig-worst", "tgvig-gated", "tgvig-n1")))


def test_all_arms_share_photos_and_tests(measured):
    assert all(row.error is None for row in measured.values()), measured
    assert len({tuple(row.shots_used) for row in measured.values()}) == 1
    assert {(row.test_good, row.test_defective) for row in measured.values()} == {(4, 4)}
    assert [measured[arm].images for arm in ("real", "augment", "tgvig", "tgvig-n1")] == [None, 2, 2, 1]
    assert {(row.size, row.most_tests, row.object) for row in measured.values()} == {(SIZE, 4, "hazelnut")}
    assert [measured[arm].pool for arm in ("real", "augment", "tgvig", "tgvig-n1")] == [1, 3, 3, 2]


def test_the_real_arm_is_what_patchcore_gives_by_hand(measured):
    folder = category("hazelnut")
    (chosen,) = random.Random(0).sample(sorted((folder / "train" / "good").iterdir()), 1)
    detector = PatchCore(EFFICIENTNET_LITE0, SIZE)
    detector.fit(read_normals([chosen]).tensor(SIZE), [0])
    tests = evenly(read_test_folder(folder / "test"), 4)
    photos = torch.stack([to_tensor(to_square(read_photo(test.path).pixels, SIZE)) for test in tests])
    wanted = roc_auc_score([test.defective for test in tests], detector.score(photos).scores)
    assert measured["real"].image_auroc == pytest.approx(wanted)
    assert measured["real"].shots_used == (chosen.name,)


def test_arms_of_one_generator_share_their_sets(measured):
    tgvig, last, worst = (measured[arm] for arm in ("tgvig", "tgvig-notext", "tgvig-worst"))
    assert tgvig.similarity == last.similarity and len(tgvig.similarity) == 2
    assert last.best_iteration == 2
    assert tgvig.best_iteration == 1 + tgvig.similarity.index(max(tgvig.similarity))
    assert tgvig.steps["prompts"] == worst.steps["prompts"]  # ranked once, told of both
    assert worst.prompt != tgvig.prompt and worst.similarity != tgvig.similarity
    assert tgvig.steps["generate"] == last.steps["generate"]  # made once, told of both


def test_quality_and_costs_are_told(measured):
    assert measured["real"].quality is None
    found = measured["tgvig"].quality
    assert -1 <= found.ssim <= 1 and found.inception_score >= 1 and "EfficientNet" in found.trunk
    steps = measured["tgvig"].steps
    assert set(steps) == {"prompts", "generate", "train", "threshold", "score"}
    assert measured["tgvig"].seconds == pytest.approx(sum(step.seconds for step in steps.values()), abs=0.01)
    assert all(step.peak_mb > 100 for step in steps.values())  # torch alone takes more


def test_false_alarms_and_misses_stand_at_the_threshold(measured):
    row = measured["tgvig"]
    assert row.threshold > 0
    assert row.false_alarm * 4 == pytest.approx(round(row.false_alarm * 4))
    assert 0 <= row.miss <= 1


def test_a_cell_that_fails_is_a_row_and_the_rest_goes_on(monkeypatch):
    build = cells.build

    def broken(name, *others):
        if name == "cflow":
            raise RuntimeError("no such layer")
        return build(name, *others)

    monkeypatch.setattr(cells, "build", broken)
    asked = plan(arms=("real",), detectors=("cflow", "patchcore"))
    draw = next(asked.draws())
    first, second = measure(asked, draw, asked.cells(draw))
    assert "no such layer" in first.error and first.image_auroc is None
    assert second.error is None and 0 <= second.image_auroc <= 1


def test_more_shots_than_photos_is_an_error_of_every_cell():
    found = rows(plan(shots=(1000,), arms=("real", "augment")))
    assert [row.error for row in found.values()] == ["hazelnut has 28 good photos to learn from, not 1000."] * 2


def test_a_photo_may_be_there_twice(tmp_path):
    """In a published set, which nobody may change."""
    folder = shutil.copytree(category("hazelnut"), tmp_path / "hazelnut")
    good = sorted((folder / "train" / "good").iterdir())
    for path in good[1:]:
        path.unlink()
    shutil.copy(good[0], good[0].with_stem("again"))
    asked = replace(plan(shots=(None,), arms=("real",), most_tests=1), root=str(tmp_path))
    (row,) = rows(asked).values()
    assert row.error is None and row.pool == 2 and row.shots == "full"


def test_stop_ends_it_without_a_row():
    asked, stop = plan(), threading.Event()
    stop.set()
    draw = next(asked.draws())
    with pytest.raises(Stopped):
        list(measure(asked, draw, asked.cells(draw), ctx=RunContext(stop=stop)))


def test_evenly_takes_both_kinds_at_even_distances():
    tests = read_test_folder(category("hazelnut") / "test")
    few = evenly(tests, 3)
    assert [bool(test.defective) for test in few] == [False] * 3 + [True] * 3
    good = [test for test in tests if not test.defective]
    assert list(few[:3]) == [good[0], good[2], good[4]]  # of six
    assert len(evenly(tests, None)) == len(tests)


def test_arms_differ_where_their_names_say():
    made = {name: arm.get(name).generating(20) for name in arm.names()}
    assert {f"tgvig-n{count}" for count in COPIES} | {f"augment-n{count}" for count in COPIES} <= set(made)
    assert not made["tgvig-novariance"].variance and made["tgvig-view"].anchor == "view"
    assert made["tgvig"].variance and made["tgvig"].anchor == "mean"
    assert made["tgvig-n50"].images == 50 and arm.get("tgvig").generating(7).images == 7
    assert [name for name in made if arm.get(name).last or arm.get(name).gated] == ["tgvig-notext", "tgvig-gated"]
    with pytest.raises(TgvigError, match="There is no arm 'magic': choose one of real, augment"):
        arm.get("magic")


def test_costs_add_up_and_keep_the_largest_peak():
    costs = Costs()
    costs.take("score", StepCost(seconds=1.0, peak_mb=200.0))
    costs.take("score", StepCost(seconds=2.5, peak_mb=150.0))
    assert costs.steps["score"] == StepCost(seconds=3.5, peak_mb=200.0)
    with costs.step("train"):
        held = torch.zeros(40_000_000)  # 160 MB
    assert costs.steps["train"].peak_mb > 160 and held.numel()
    assert costs.seconds == pytest.approx(3.5 + costs.steps["train"].seconds)
