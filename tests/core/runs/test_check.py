"""The check of a finished training: which pools it trains, what it keeps, what the command shows; one run on real photos."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from made_results import result
from photos import normals

from tgvig_core.cli.console import show_check
from tgvig_core.cli.remedies import remedy
from tgvig_core.detectors.base import ScoreSet
from tgvig_core.detectors.saved import Saved
from tgvig_core.diagnosis import pool_comparison
from tgvig_core.diagnosis.results import Detectability, KindCurve, Share
from tgvig_core.fitting.results import Admission, Calibration, Gate
from tgvig_core.fitting.training_sets import TrainingSet
from tgvig_core.generation.settings import GeneratorSettings
from tgvig_core.packs import registry
from tgvig_core.photos.images import read_normals
from tgvig_core.photos.views import ViewPolicy
from tgvig_core.runs import pipeline
from tgvig_core.runs.card import ModelCard
from tgvig_core.runs.settings import RunConfig, RunSettings
from tgvig_core.runs.steps import check, fit
from tgvig_core.runs.steps import photos as reading
from tgvig_core.runs.work import Work
from tgvig_core.storage.run_folder import Run
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import RunContext


class Brightness:
    """A detector whose distance is an image's mean brightness above black."""

    def score(self, images, exclude_group=None):
        level = images.mean((1, 2, 3)) + 1
        return ScoreSet(level, level[:, None, None].expand(-1, 4, 4))


def card(sha256: str = "first", training_set: str = "tgvig", **changes) -> ModelCard:
    saved = Saved(2, "patchcore", "efficientnet_lite0", ("blocks.2",), 64, {}, sha256)
    gate = Gate(0.5, 1.0, (Admission(0, True, 0.25),))
    facts = {"best_iteration": 2, "gate": gate, "calibration": Calibration(1.5, 1.5, 1.0, 4.0, 0.05, 0.01, 0.1, 2)}
    return ModelCard(object="nut", training_set=TrainingSet(training_set), saved=saved, **facts | changes)


@pytest.fixture
def finished(tmp_path, monkeypatch) -> tuple[Work, list]:
    """A run of three sets of six images, and which pools were trained."""
    run, trained = Run.create(tmp_path / "run", {}), []
    for number in (1, 2, 3):
        run.save_set(number, torch.zeros(6, 3, 64, 64))
        run.journal("iteration", number=number, similarity=0.5)
    (run.folder / "model").mkdir()
    settings = RunSettings(
        ("a.png",), "nut", "", generating=GeneratorSettings(anchor="view", policy=ViewPolicy(flips=True))
    )
    monkeypatch.setattr(fit, "pool_of", lambda work, photos, best, wanted, *out: trained.append(str(wanted)))
    monkeypatch.setattr(fit, "detector_of", lambda work, pool: Brightness())
    monkeypatch.setattr(fit, "calibrated", lambda *given: SimpleNamespace(threshold=0.5))
    monkeypatch.setattr(
        check, "detectability", lambda *given: Detectability((KindCurve("dent", FULL, FULL),), (), 4, 8, 0)
    )
    return Work(settings, run, None, "cpu", SimpleNamespace(photos=())), trained


FULL = tuple(Share(at, 4, 4, 1.0, 0.6, 1.0) for at in (0.2, 0.6))
KEPT = "All 1 generated images lie as near to the real photos as good photos can."


def photos() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(3)) * 2 - 1


def test_every_pool_the_part_allows_is_trained_but_the_runs_own(finished):
    work, trained = finished
    found = check.check(work, photos(), Brightness(), card())
    assert trained == ["real", "augment", "augment:photometric", "augment:shifts", "augment:flips"]
    assert [one["arm"] for one in found["advice"]["arms"]] == [*trained, "tgvig"]
    assert all(one["difference"] == 0 for one in found["advice"]["arms"])  # the same detector under all names
    assert found["advice"]["recommended"] == "real" and not found["advice"]["differs"]
    assert found["gate"] == {"tgvig": KEPT} and not found["thorough"]
    assert "dents" in found["detectability"]["words"]
    assert json.loads((work.run.folder / "check.json").read_text()) == found


def test_a_thorough_check_tries_the_other_sets_and_fewer_images(finished):
    work, trained = finished
    found = check.check(work, photos(), Brightness(), card(), thorough=True)
    assert trained[-3:] == ["tgvig:1", "tgvig:3", "tgvig:2:5"]  # of 6 images 5, and no 10
    # the sets are grey, 1 above black, and the limit is 0.5
    assert found["gate"]["tgvig:1"].startswith("All 6 generated images lie too far")
    assert found["gate"]["tgvig:2:5"].startswith("All 5 ")


def test_what_was_trained_before_a_stop_is_not_trained_again(finished, monkeypatch):
    work, trained = finished
    scored = pool_comparison.scored

    def once(detector, held):
        if len(trained) == 3:
            raise Stopped
        return scored(detector, held)

    monkeypatch.setattr(pool_comparison, "scored", once)
    with pytest.raises(Stopped):
        check.check(work, photos(), Brightness(), card())
    monkeypatch.setattr(pool_comparison, "scored", scored)
    check.check(work, photos(), Brightness(), card())
    assert trained == [
        "real",
        "augment",
        "augment:photometric",
        "augment:photometric",
        "augment:shifts",
        "augment:flips",
    ]
    check.check(work, photos(), Brightness(), card("second"))  # another detector: nothing of the first counts
    assert len(trained) == 6 + 5


def test_a_run_of_photos_only_has_no_generated_pool(finished):
    work, trained = finished
    (work.run.folder / "journal.jsonl").unlink()
    found = check.check(work, photos(), Brightness(), card(training_set="real", best_iteration=None, gate=None))
    assert trained == ["augment", "augment:photometric", "augment:shifts", "augment:flips"] and found["gate"] == {}


def test_the_result_holds_the_check_and_people_see_it_in_short(finished, capsys):
    work, _ = finished
    work.run.write_json("result.json", {"threshold": 1.5})
    found = check.check(work, photos(), Brightness(), card())
    assert work.run.read_json("result.json") == {"threshold": 1.5, "check": found}
    show_check(found, work.run.folder)
    said = capsys.readouterr().out
    assert "augment:shifts" in said and "Dents are found from strength" in said and f"Gate, tgvig: {KEPT}" in said


def test_a_folder_without_detector_is_one_sentence(tmp_path, monkeypatch):
    settings = RunSettings(("a.png",), "nut", str(tmp_path / "run"))
    run = Run.create(tmp_path / "run", RunConfig(settings, ("0" * 64,)).as_json())
    monkeypatch.setattr(check, "open_run", lambda folder, *given: SimpleNamespace(run=Run(folder)))
    with pytest.raises(TgvigError, match="has no detector yet") as refused:
        check.check_run(run.folder)
    assert "--resume" in remedy(refused.value)


def used(tmp_path, monkeypatch, **found) -> Run:
    """A finished run whose steps only say from what they would learn."""
    settings = RunSettings(("a.png",), "nut", str(tmp_path / "run"), seed=3)
    run = Run.create(tmp_path / "run", RunConfig(settings, ("0" * 64,)).as_json())
    run.write_json("result.json", result(**found).as_json())
    (run.folder / "model").mkdir()
    work = Work(settings, run, None, "cpu", SimpleNamespace(photos=()))
    monkeypatch.setattr(pipeline, "open_run", lambda *given: work)
    monkeypatch.setattr(pipeline, "_steps", lambda work, tests: {"learned": work.settings.arm, "tests": tests})
    return run


def test_the_recommended_pool_is_used_from_then_on(tmp_path, monkeypatch):
    run = used(tmp_path, monkeypatch, arm="tgvig")
    assert pipeline.use(run.folder, "augment:shifts") == {"learned": "augment:shifts", "tests": ()}
    assert sorted(path.name for path in run.folder.iterdir()) == [".lock", "config.json"]
    assert Run.open(run.folder)[1]["settings"]["arm"] == "augment:shifts"


def test_what_is_in_use_already_is_not_trained_again(tmp_path, monkeypatch):
    run = used(tmp_path, monkeypatch, arm="tgvig", threshold=2.0)
    assert pipeline.use(run.folder, "tgvig") == result(arm="tgvig", threshold=2.0)
    assert (run.folder / "model").is_dir()


def test_nothing_is_removed_where_the_photos_to_inspect_are_gone(tmp_path, monkeypatch):
    run = used(tmp_path, monkeypatch, arm="tgvig")

    def gone(*given):
        raise TgvigError("There is no folder test.")

    monkeypatch.setattr(reading, "read_tests", gone)
    with pytest.raises(TgvigError, match="no folder"):
        pipeline.use(run.folder, "real")
    assert (run.folder / "model").is_dir() and run.read_json("result.json") == result(arm="tgvig").as_json()


def test_a_real_training_is_checked(tmp_path, monkeypatch):
    """Two bottles, a set of two noise images: rejected by the gate, so that it makes no difference to the photos alone."""
    paths = normals("bottle", 2)
    found, settings = read_normals(paths), RunSettings(tuple(map(str, paths)), "bottle", "", pack="embedded",
                                                       generating=GeneratorSettings(images=2))  # fmt: skip
    run = Run.create(tmp_path / "run", {})
    run.save_set(1, torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    run.journal("iteration", number=1, similarity=0.5)
    pack, _ = registry.choose("embedded")
    work = Work(settings, run, registry.Models(pack, None, None, registry.load_backbone(pack)), "cpu", found)
    images, steps, asked = found.tensor(256), [], []
    detector, own = fit.train(work, images, None, TrainingSet("augment"))
    monkeypatch.setattr(check, "detectability", lambda *given: asked.append(given[3]) or Detectability((), (), 4, 0, 0))
    work = Work(settings, run, work.models, "cpu", found,
                RunContext(lambda step, done, total: steps.append((step, done, total))))  # fmt: skip
    seen = check.check(work, images, detector, own)
    arms = {one["arm"]: one for one in seen["advice"]["arms"]}
    assert seen["arm"] == "augment"
    assert list(arms) == ["real", "augment", "augment:photometric", "augment:shifts", "tgvig"]
    assert arms["tgvig"]["difference"] == 0 and "photos alone" in seen["gate"]["tgvig"]
    lift = own.lift  # the same question about this training's own pool
    assert (lift.real, lift.tgvig) == pytest.approx((arms["real"]["auroc"], arms["augment"]["auroc"]))
    assert arms["augment"]["low"] <= lift.low <= lift.difference  # of four pools the intervals are wider than of one
    assert asked == [own.calibration.threshold]
    assert ("Comparing what to learn from", 5, 5) in steps
    assert Path(run.folder / "check.part.json").exists()
