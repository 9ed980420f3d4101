"""TGVIG in order (Lee and Choi, CVPR 2024): photos → prompt → generated sets → best set → detector → verdicts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from tgvig_core import calibration, packs
from tgvig_core.choosing import choose_prompt, has_words, map_of, words_of
from tgvig_core.detectors import PatchCore
from tgvig_core.errors import TgvigError
from tgvig_core.generator import sources
from tgvig_core.images import NormalSet, read_normals
from tgvig_core.inspection import Verdict, check_photos, inspect
from tgvig_core.integrator import Integrator, best_iteration
from tgvig_core.metrics import image_metrics, pixel_metrics
from tgvig_core.photo_report import report
from tgvig_core.progress import Progress, silent
from tgvig_core.prompts import write_csv
from tgvig_core.runs import Run, writing
from tgvig_core.settings import SIZE, RunSettings
from tgvig_core.testset import LabelledPhoto, read_mask, read_test_folder


@dataclass(frozen=True)
class _Context:
    """What the steps of one run share."""

    settings: RunSettings
    run: Run
    models: packs.Models
    device: str
    normals: NormalSet
    progress: Progress
    stop: threading.Event | None

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


def start(settings: RunSettings, progress: Progress = silent, stop: threading.Event | None = None) -> dict:
    """Run the whole method into settings.out and return what result.json holds.

    Everything that the person gave is checked before the folder is made.

    Raises:
        TgvigError: something given cannot be used. Stopped: the stop event was set; `resume` finishes the run.
    """
    normals = read_normals(settings.photos)
    tests = _read_tests(settings, progress, stop)
    words_of(settings)
    device = device_of(settings.device)
    pack, reason = packs.choose(settings.pack, _folder(settings.models_dir))
    models = packs.load(pack, _folder(settings.models_dir), device, progress, stop)
    config = settings.as_json() | {"pack": pack.name}
    shas = [photo.sha256 for photo in normals.photos]
    run = Run.create(Path(settings.out), {"settings": config, "pack_reason": reason, "photos_sha256": shas})
    run.journal("start", pack=pack.name, reason=reason, device=device)
    return _steps(_Context(replace(settings, pack=pack.name), run, models, device, normals, progress, stop), tests)


def resume(
    folder: Path, device: str = "auto", progress: Progress = silent, stop: threading.Event | None = None
) -> dict:
    """Finish a run that was stopped or killed; a finished one gives its result again.

    Args:
        device: another device than the run began on ("auto" keeps the run's own).

    Raises:
        TgvigError: no run there, or its photos have changed since. Stopped: the stop event was set.
    """
    run, config = Run.open(folder)
    if done := run.read_json("result.json"):
        return done
    settings = RunSettings.from_json(config["settings"], folder)
    normals = read_normals(settings.photos)
    if [photo.sha256 for photo in normals.photos] != config["photos_sha256"]:
        raise TgvigError(f"The normal photos of {folder} have changed since it began: start a new run.")
    tests = _read_tests(settings, progress, stop)
    where = device_of(settings.device if device == "auto" else device)
    pack, _ = packs.choose(settings.pack, _folder(settings.models_dir))
    models = packs.load(pack, _folder(settings.models_dir), where, progress, stop)
    run.journal("resume")
    return _steps(_Context(settings, run, models, where, normals, progress, stop), tests)


def _folder(given: str | None) -> Path | None:
    return Path(given) if given else None


def _steps(context: _Context, tests: tuple[LabelledPhoto, ...]) -> dict:
    """The method."""
    normals = context.normals.tensor(SIZE).to(context.device)  # I°
    with context.timed("prompts"):
        prompt, sense = _prompt(context, normals)  # P (Eq. 1)
    with context.timed("generate"):
        similarity = _generate(context, normals, prompt)  # I⁺ (Eq. 3), cos(z_t, z_v) (Eq. 4)
    best = best_iteration(similarity, context.settings.integrating.text)  # α (Eq. 5)
    with context.timed("train"):
        detector, card = _train(context, normals, best)
    with context.timed("inspect"):
        shown = _inspect(context, detector, card, tests)
    result = {
        "pack": context.models.pack.name, "device": context.device, "object": context.settings.object_name,
        "best_prompt": prompt, "sense": sense, "similarity": similarity, "best_iteration": best,
        "threshold": card["calibration"]["threshold"], "pixel_threshold": card["calibration"]["pixel_threshold"],
        "false_alarm_estimate": card["calibration"], "lift": card["lift"], "seconds": context.seconds(), **shown,
    }  # fmt: skip
    result["notes"] = [
        {"path": str(note.path), "kind": note.kind, "text": note.text} for note in report(context.normals)
    ]
    context.run.write_json("result.json", result)
    context.run.journal("done")
    return result


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


def _read_tests(settings: RunSettings, progress: Progress, stop: threading.Event | None) -> tuple[LabelledPhoto, ...]:
    tests = read_test_folder(Path(settings.test)) if settings.test else ()
    check_photos([photo.path for photo in tests], progress, stop)
    for photo in tests:
        read_mask(photo, SIZE)
    return tests


def _prompt(context: _Context, normals: Tensor) -> tuple[str, str | None]:
    """P and the sense: from disk where the run had chosen them."""
    if known := context.run.read_json("prompt.json"):
        return known["prompt"], known["sense"]
    encoder, own = context.models.encoder, context.settings.prompt
    if own and not has_words(context.settings):
        context.run.write_json("prompt.json", {"prompt": own, "sense": None, "lookup": "The prompt was given."})
        return own, None
    embeddings = encoder.encode_images(normals)  # f(I°)
    choice = choose_prompt(context.settings, encoder, embeddings, context.progress, context.stop)
    with writing(context.run.folder):
        write_csv(choice.ranked, context.run.folder / "prompts.csv")
    context.run.write_json("prompt_map.json", map_of(choice.ranked, encoder, embeddings))
    prompt = own or choice.ranked.best.text
    context.run.write_json("prompt.json", {"prompt": prompt, "sense": choice.sense, "lookup": choice.lookup.how})
    context.run.journal("prompt", prompt=prompt, sense=choice.sense)
    return prompt, choice.sense


def _generate(context: _Context, normals: Tensor, prompt: str) -> list[float]:
    """Sets 1 to L on disk; returns their similarities."""
    settings, run = context.settings, context.run
    wanted = settings.integrating.iterations
    if len(run.iterations()) < wanted:
        integrator = Integrator(
            context.models.generator,
            context.models.encoder,
            normals,
            prompt,
            settings.generating,
            settings.integrating,
            settings.seed,
        )
        if state := run.load_state():
            integrator.load_state_dict(state)
        for iteration in integrator.iterations(context.progress, context.stop):
            run.save_set(iteration.number, iteration.images)
            run.journal("iteration", number=iteration.number, similarity=iteration.similarity,
                        losses=iteration.losses, seconds=round(iteration.seconds, 3))  # fmt: skip
            run.save_state(integrator.state_dict())
    return [row["similarity"] for row in run.iterations()][:wanted]


def _train(context: _Context, normals: Tensor, best: int) -> tuple[PatchCore, dict]:
    """PatchCore on real + best set, its threshold, and the lift; from disk where the run had finished it."""
    folder = context.run.folder / "model"
    if (folder / "model.json").exists():
        return PatchCore.load(folder, context.device)
    settings = context.settings
    backbone = context.models.backbone
    generated = context.run.load_set(best).to(context.device)
    own = list(range(len(normals)))
    policy, seed = settings.generating.policy, settings.seed
    detector = PatchCore(backbone, SIZE, settings.patchcore, context.device)
    pool, origins = torch.cat([normals, generated]), own + list(sources(len(generated), len(normals)))
    detector.fit(pool, origins, seed, context.progress, context.stop)
    real = PatchCore(backbone, SIZE, settings.patchcore, context.device)
    real.fit(normals, own, seed, context.progress, context.stop)
    watched = context.progress, context.stop
    card = {
        "calibration": asdict(calibration.calibrate(detector, normals, policy, settings.false_alarm, seed, *watched)),
        "lift": asdict(calibration.lift(real, detector, normals, policy, seed, *watched)),
        "object": settings.object_name, "best_iteration": best,
    }  # fmt: skip
    with writing(folder):
        detector.save(folder, card)
    context.run.journal("trained", threshold=card["calibration"]["threshold"])
    return detector, card


def _inspect(context: _Context, detector: PatchCore, card: dict, tests: tuple[LabelledPhoto, ...]) -> dict:
    """Verdicts on the test photos, and the figures where the folder has labels."""
    limits = card["calibration"]["threshold"], card["calibration"]["pixel_threshold"]
    folder = context.run.folder / "inspect"
    paths = [photo.path for photo in tests]
    verdicts: list[Verdict] = (
        list(inspect(detector, *limits, paths, folder, context.progress, context.stop)) if tests else []
    )
    shown: dict = {"images": [_row(verdict, context.run.folder) for verdict in verdicts]}
    if tests and tests[0].defective is not None:
        shown |= image_metrics([v.score for v in verdicts], [bool(photo.defective) for photo in tests], limits[0])
        masked = any(photo.mask for photo in tests)
        masks = torch.stack([read_mask(photo, SIZE) for photo in tests]) if masked else torch.zeros(1, dtype=torch.bool)
        shown |= pixel_metrics(torch.stack([v.map for v in verdicts]), masks)
    return shown


def _row(verdict: Verdict, folder: Path) -> dict:
    """A verdict as result.json holds it; the heatmap's path is relative to the run, which may be moved."""
    heatmap = str(verdict.heatmap.relative_to(folder))
    return {"path": str(verdict.path), "score": verdict.score, "is_anomalous": verdict.is_anomalous, "heatmap": heatmap}
