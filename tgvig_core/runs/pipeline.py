"""TGVIG in order (Lee and Choi, CVPR 2024): photos → prompt → generated sets → best set → detector → verdicts."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from tgvig_core.diagnosis.outlier_photos import odd_notes
from tgvig_core.fitting.training_sets import TrainingSet
from tgvig_core.generation.best_set import best_iteration
from tgvig_core.generation.integrator import Integrator
from tgvig_core.inspection.inspector import check_photos
from tgvig_core.packs import registry
from tgvig_core.photos.images import NormalSet, read_normals
from tgvig_core.photos.labelled_folder import LabelledPhoto, read_mask, read_test_folder
from tgvig_core.photos.quality_notes import report
from tgvig_core.prompting.ranking import write_csv
from tgvig_core.runs.settings import SIZE, RunSettings
from tgvig_core.runs.steps.evaluate import verdicts
from tgvig_core.runs.steps.fit import train
from tgvig_core.runs.steps.prompt import choose_prompt, has_words, map_of, words_of
from tgvig_core.storage.run_folder import Run, writing
from tgvig_core.storage.run_lock import alone_in
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.memory import NOTES
from tgvig_core.utils.progress import QUIET, RunContext


@dataclass(frozen=True)
class Work:
    """What the steps of one run share; every step finds on disk what a former process had finished."""

    settings: RunSettings
    run: Run
    models: registry.Models
    device: str
    normals: NormalSet
    ctx: RunContext = QUIET
    finish: threading.Event | None = None  # ends the generation after the running iteration

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Journal the seconds of a step; a step in several goes (resumed) adds up."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.run.journal("seconds", step=step, seconds=round(time.perf_counter() - start, 3))

    def seconds(self) -> dict[str, float]:
        total: dict[str, float] = {}
        for row in self.run.events("seconds"):
            total[row["step"]] = round(total.get(row["step"], 0.0) + row["seconds"], 3)
        return total


def start(settings: RunSettings, ctx: RunContext = QUIET) -> dict:
    """Run the whole method into settings.out and return what result.json holds.

    Everything that the person gave is checked before the folder is made.

    Raises:
        TgvigError: something given cannot be used. Stopped: the stop event was set; `resume` finishes the run.
    """
    normals = read_normals(settings.photos)
    tests = _read_tests(settings, ctx)
    words_of(settings)
    device = device_of(settings.device)
    pack, reason = registry.choose(settings.pack, _folder(settings.models_dir))
    models = registry.load(pack, _folder(settings.models_dir), device, ctx)
    config = settings.as_json() | {"pack": pack.name}
    shas = [photo.sha256 for photo in normals.photos]
    folder = Path(settings.out)
    Run.make_room(folder)
    with alone_in(folder):
        run = Run.create(folder, {"settings": config, "pack_reason": reason, "photos_sha256": shas})
        run.journal("start", pack=pack.name, reason=reason, device=device)
        return _steps(Work(replace(settings, pack=pack.name), run, models, device, normals, ctx), tests)


def resume(folder: Path, device: str = "auto", ctx: RunContext = QUIET) -> dict:
    """Finish a run that was stopped or killed; a finished one gives its result again.

    Args:
        device: another device than the run began on ("auto" keeps the run's own).

    Raises:
        TgvigError: no run there, or its photos have changed since. Stopped: the stop event was set.
    """
    run, _ = Run.open(folder)
    if done := run.read_json("result.json"):
        return done
    with alone_in(folder):
        work = opened(folder, device, ctx)
        tests = _read_tests(work.settings, ctx)
        run.journal("resume")
        return _steps(work, tests)


def use(folder: Path, arm: str, device: str = "auto", ctx: RunContext = QUIET) -> dict:
    """Train a finished run anew from another pool and inspect again; what it had generated stays.

    Args:
        arm: see training_sets.py.

    Raises:
        TgvigError, Stopped: as `resume`, which goes on where this was stopped.
    """
    run, _ = Run.open(folder)
    former = run.read_json("result.json")
    if former and former["arm"] == arm:
        return former
    with alone_in(folder):
        work = opened(folder, device, ctx)
        tests = _read_tests(work.settings, ctx)  # before anything goes
        _, config = Run.open(folder)
        (folder / "result.json").unlink(missing_ok=True)  # first: a kill from here on is followed by a resume
        for name in ("model", "inspect"):
            shutil.rmtree(folder / name, ignore_errors=True)
        run.write_json("config.json", config | {"settings": config["settings"] | {"arm": arm}})
        return _steps(replace(work, settings=replace(work.settings, arm=arm)), tests)


def opened(
    folder: Path, device: str = "auto", ctx: RunContext = QUIET
) -> Work:  # fmt: skip
    """A run to go on with, its photos and models loaded.

    Raises:
        TgvigError: no run there, or its photos have changed since. Stopped: the stop event was set.
    """
    run, config = Run.open(folder)
    settings = RunSettings.from_json(config.get("settings"), folder)
    normals = read_normals(settings.photos)
    if [photo.sha256 for photo in normals.photos] != config.get("photos_sha256"):
        raise TgvigError(f"The normal photos of {folder} have changed since it began: start a new run.")
    where = device_of(settings.device if device == "auto" else device)
    pack, _ = registry.choose(settings.pack, _folder(settings.models_dir))
    models = registry.load(pack, _folder(settings.models_dir), where, ctx)
    return Work(settings, run, models, where, normals, ctx)


def _folder(given: str | None) -> Path | None:
    return Path(given) if given else None


def _steps(work: Work, tests: tuple[LabelledPhoto, ...]) -> dict:
    """The method."""
    with work.timed("compare"):  # first: an odd photo would spoil the generator and the detector
        odd = _compare(work)
    normals = work.normals.tensor(SIZE).to(work.device)  # I°
    with work.timed("prompts"):
        prompt, sense = _prompt(work, normals)  # P (Eq. 1)
    with work.timed("generate"):
        similarity = generate_sets(work, normals, prompt)  # I⁺ (Eq. 3), cos(z_t, z_v) (Eq. 4)
    best = best_iteration(similarity, work.settings.integrating.text)  # α (Eq. 5)
    with work.timed("train"):
        detector, card = train(work, normals, best, TrainingSet.parse(work.settings.arm))
    with work.timed("inspect"):
        shown = verdicts(detector, card, tests, work.run.folder, work.ctx)
    result = {
        "pack": work.models.pack.name, "device": work.device, "object": work.settings.object_name,
        "best_prompt": prompt, "sense": sense, "similarity": similarity, "best_iteration": best,
        **card.in_result(), "seconds": work.seconds(), **shown,
    }  # fmt: skip
    result["notes"] = [asdict(note) | {"path": str(note.path)} for note in report(work.normals)] + odd
    if checked := work.run.read_json("check.json"):  # it tells which detector it describes
        result["check"] = checked
    work.run.journal("done")
    work.run.write_json("result.json", result)
    return work.run.read_json("result.json")


def _compare(work: Work) -> list[dict[str, str]]:
    """Notes on photos unlike the others, told as soon as they are found."""
    folder, models = work.run.folder, work.models
    notes = odd_notes(folder, models.backbone, work.normals, SIZE, work.device, work.ctx)
    if not work.run.events("compared"):
        work.run.journal("compared", odd=[note["heatmap"] for note in notes])
    for note in notes:
        work.ctx.progress(f"Unlike the other photos, see {folder / note['heatmap']}", 1, 1)
    return notes


def device_of(name: str) -> str:
    """ "auto" is a CUDA GPU where there is one, else the CPU.

    Raises:
        TgvigError: the device is unknown or not there.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise TgvigError("There is no CUDA GPU that torch can use here: give --device cpu.")
    if name not in ("cpu", "cuda"):
        raise TgvigError(f"There is no device {name!r}: give auto, cpu or cuda.")
    return name


def _read_tests(settings: RunSettings, ctx: RunContext) -> tuple[LabelledPhoto, ...]:
    tests = read_test_folder(Path(settings.test)) if settings.test else ()
    check_photos([photo.path for photo in tests], ctx)
    for photo in tests:
        read_mask(photo, SIZE)
    return tests


def _prompt(work: Work, normals: Tensor) -> tuple[str, str | None]:
    """P and the sense: from disk where the run had chosen them."""
    if known := work.run.read_json("prompt.json"):
        return known["prompt"], known["sense"]
    encoder, own = work.models.encoder, work.settings.prompt
    if own and not has_words(work.settings):
        work.run.write_json("prompt.json", {"prompt": own, "sense": None, "lookup": "The prompt was given."})
        return own, None
    embeddings = encoder.encode_images(normals)  # f(I°)
    choice = choose_prompt(work.settings, encoder, embeddings, work.ctx)
    with writing(work.run.folder):
        write_csv(choice.ranked, work.run.folder / "prompts.csv")
    work.run.write_json("prompt_map.json", map_of(choice.ranked, encoder, embeddings))
    prompt = own or choice.ranked.best.text
    work.run.journal("prompt", prompt=prompt, sense=choice.sense)
    work.run.write_json("prompt.json", {"prompt": prompt, "sense": choice.sense, "lookup": choice.lookup.how})
    return prompt, choice.sense


def generate_sets(work: Work, normals: Tensor, prompt: str) -> list[float]:
    """Sets 1 to L on disk; returns their similarities."""
    settings, run = work.settings, work.run
    wanted = settings.integrating.iterations
    if len(run.iterations()) < wanted:
        learning = settings.integrating.update
        generator = registry.generator_of(work.models.pack, work.models.generator, settings.generating, learning)
        integrator = Integrator(generator, work.models.encoder, normals, prompt, settings.integrating, settings.seed)
        if state := _state(run):
            integrator.load_state_dict(state)
        for iteration in integrator.iterations(work.ctx):
            run.save_set(iteration.number, iteration.images)
            run.journal("iteration", number=iteration.number, similarity=iteration.similarity, losses=iteration.losses,
                        images=len(iteration.images), seconds=round(iteration.seconds, 3))  # fmt: skip
            run.save_state(integrator.state_dict())
            if work.finish is not None and work.finish.is_set():
                break
    return [row["similarity"] for row in run.iterations()][:wanted]


def _state(run: Run) -> dict | None:
    """Where the integrator goes on; None begins with set 1, and the same seed draws the same sets again."""
    state, whole = run.load_state(), len(run.iterations())
    if state and state["done"] > whole:
        NOTES.warning(
            "Set %d of %s, or its line in the journal, is gone: the sets are made again from the first one, the same ones.",
            whole + 1,
            run.folder,
        )
        return None
    return state
