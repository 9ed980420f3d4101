"""TGVIG in order (Lee and Choi, CVPR 2024): photos → prompt → generated sets → best set → detector → verdicts."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tgvig_core.fitting.training_sets import TrainingSet
from tgvig_core.generation.best_set import best_iteration
from tgvig_core.inspection.inspector import Inspector
from tgvig_core.packs import registry
from tgvig_core.photos.images import read_normals
from tgvig_core.photos.labelled_folder import LabelledPhoto
from tgvig_core.runs.result import Result
from tgvig_core.runs.settings import RunSettings
from tgvig_core.runs.steps import photos
from tgvig_core.runs.steps.evaluate import evaluate
from tgvig_core.runs.steps.fit import train
from tgvig_core.runs.steps.generate import generate_sets
from tgvig_core.runs.steps.prompt import prompt_of, words_of
from tgvig_core.runs.work import Work, begin_run, load_models, models_folder, open_run, read_run
from tgvig_core.storage.run_folder import Run
from tgvig_core.storage.run_lock import alone_in
from tgvig_core.utils.device import device_of
from tgvig_core.utils.progress import QUIET, RunContext


def _steps(work: Work, tests: Sequence[LabelledPhoto]) -> Result:
    """The method."""
    with work.timed("compare"):  # first: an outlier would spoil the generator and the detector
        outliers = photos.compare(work)
    with work.timed("prompts"):
        chosen = prompt_of(work)  # P (Eq. 1)
    with work.timed("generate"):
        similarity = generate_sets(work, chosen.prompt)  # I⁺ (Eq. 3), cos(z_t, z_v) (Eq. 4)
    best = best_iteration(similarity, work.settings.integrating.text)  # α (Eq. 5)
    with work.timed("train"):
        detector, card = train(work, work.images, best, TrainingSet.parse(work.settings.arm))
    with work.timed("inspect"):
        inspector = Inspector(detector, card.calibration.limits)
        rows, figures = evaluate(inspector, tests, work.run.folder / "inspect", work.ctx)
    result = Result(
        pack=work.models.pack.name, device=work.device, object=work.settings.object_name, best_prompt=chosen.prompt,
        sense=chosen.sense, similarity=tuple(similarity), best_iteration=best, **card.in_result(), seconds=work.seconds(),
        images=tuple(replace(row, heatmap=f"inspect/{row.heatmap}") for row in rows), figures=figures,
        notes=(*photos.quality_notes(work.normals), *outliers),
        check=work.run.read_json("check.json"),  # it tells which detector it describes
    )  # fmt: skip
    work.run.journal("done")
    work.run.write_json("result.json", result.as_json())
    return Result.from_json(result.as_json(), work.run.folder / "result.json")  # as `resume` gives it again


def start(settings: RunSettings, ctx: RunContext = QUIET) -> Result:
    """Run the whole method into settings.out; result.json holds what it returns.

    Everything that the person gave is checked before the folder is made.

    Raises:
        TgvigError: something given cannot be used. Stopped: the stop event was set; `resume` finishes the run.
    """
    normals = read_normals(settings.photos)
    tests = photos.read_tests(settings.test, ctx)
    words_of(settings)
    device = device_of(settings.device)
    pack, reason = registry.choose(settings.pack, models_folder(settings))
    settings = replace(settings, pack=pack.name)
    models = load_models(settings, device, ctx)
    folder = Path(settings.out)
    Run.make_room(folder)
    with alone_in(folder):
        run = begin_run(folder, settings, normals, reason)
        run.journal("start", pack=pack.name, reason=reason, device=device)
        return _steps(Work(settings, run, models, device, normals, ctx), tests)


def resume(folder: Path, device: str = "auto", ctx: RunContext = QUIET) -> Result:
    """Finish a run that was stopped or killed; a finished one gives its result again.

    Args:
        device: another device than the run began on ("auto" keeps the run's own).

    Raises:
        TgvigError: no run there, or its photos have changed since. Stopped: the stop event was set.
    """
    if done := finished(folder):
        return done
    with alone_in(folder):
        work = open_run(folder, device, ctx)
        tests = photos.read_tests(work.settings.test, ctx)
        work.run.journal("resume")
        return _steps(work, tests)


def use(folder: Path, arm: str, device: str = "auto", ctx: RunContext = QUIET) -> Result:
    """Train a finished run anew from another training set and inspect again; what it had generated stays.

    Args:
        arm: see training_sets.py.

    Raises:
        TgvigError, Stopped: as `resume`, which goes on where this was stopped.
    """
    former = finished(folder)
    if former and former.arm == arm:
        return former
    with alone_in(folder):
        work = open_run(folder, device, ctx)
        tests = photos.read_tests(work.settings.test, ctx)  # before anything goes
        _, config = read_run(folder)
        settings = replace(config.settings, arm=arm)
        (folder / "result.json").unlink(missing_ok=True)  # first: a kill from here on is followed by a resume
        for name in ("model", "inspect"):
            shutil.rmtree(folder / name, ignore_errors=True)
        work.run.write_json("config.json", replace(config, settings=settings).as_json())
        return _steps(replace(work, settings=replace(work.settings, arm=arm)), tests)


def finished(folder: Path) -> Result | None:
    """What a run found, None where it is not finished.

    Raises:
        TgvigError: there is no run, or its result is damaged.
    """
    run, _ = Run.open(folder)
    found = run.read_json("result.json")
    return Result.from_json(found, folder / "result.json") if found else None
