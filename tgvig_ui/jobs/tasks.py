"""The jobs behind the page: each reads the part's choices, calls tgvig_core and leaves its results on disk.

torch and the models are imported inside the functions, so that the page is there before they are.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tgvig_core.utils.atomic_write import whole
from tgvig_core.utils.progress import Progress
from tgvig_ui.jobs import bundle as bundling
from tgvig_ui.jobs.arguments import Check, Complete, Export, Generate, Inspect, Train
from tgvig_ui.jobs.job import Watch
from tgvig_ui.jobs.rank_prompts import measure_speed, rank
from tgvig_ui.jobs.service import Service
from tgvig_ui.jobs.zero_gpu import Lender, borrow
from tgvig_ui.parts.generations import best_set, lacks_sets, used_set
from tgvig_ui.parts.json_files import write_json
from tgvig_ui.parts.part import Part

if TYPE_CHECKING:
    from tgvig_core.runs.work import Work


class Jobs:
    """The kinds of job that the executor runs.

    Args:
        lender: lends ZeroGPU's time to a generation, None on every other machine.
    """

    def __init__(self, service: Service, lender: Lender | None = None) -> None:
        self.service, self.lender = service, lender

    @property
    def work(self) -> dict:
        """What the executor runs."""
        return {"rank": self.rank, "generate": self.generate, "train": self.train, "inspect": self.inspect,
                "check": self.check, "export": self.export, "complete": self.complete}  # fmt: skip

    def rank(self, folder: Path, arguments: Mapping[str, Any], watch: Watch) -> None:
        """Prompts for the part's photos, what is unlike about the photos, and once how fast this device is."""
        rank(self.service, Part(folder), watch)
        self._find_outliers(Part(folder), watch)
        measure_speed(self.service, watch)

    def _find_outliers(self, part: Part, watch: Watch) -> None:
        """A photo unlike the others may show a defect: step 1 says so, before anything is learned from it."""
        from tgvig_core.diagnosis.outlier_photos import LEAST_PHOTOS
        from tgvig_core.packs import registry
        from tgvig_core.photos.images import read_normals
        from tgvig_core.runs.steps.photos import outliers

        if len(part.photos()) >= LEAST_PHOTOS:
            backbone = registry.load_backbone(self.service.pack()[0], self.service.options.models_dir)
            normals, device = read_normals(part.photos()), self.service.device()
            outliers(part.folder, backbone, normals, device, watch.ctx)

    def generate(self, folder: Path, arguments: Mapping[str, Any], watch: Watch) -> None:
        """Iterations of a generation until its number of them is there; the queue holds several for a comparison."""
        watch.progress("Loading the models", 0, 0)
        self.service.encoder()
        part, numbers = Part(folder), Generate(**arguments).generations
        self._find_outliers(part, watch)
        watch.iterating = True
        try:
            for number in numbers:
                self._generate(part, number, watch)
                if watch.finish.is_set():
                    break
        finally:
            watch.iterating, watch.plan = False, ""
        if watch.finish.is_set() and any(lacks_sets(part, number) for number in numbers):
            watch.note("Ended after an iteration, as you asked.")

    def _generate(self, part: Part, number: int, watch: Watch) -> None:
        """One generation, as far as it is not there yet."""
        from tgvig_core.runs.steps.generate import generate_sets
        from tgvig_core.storage.run_lock import alone_in

        work = self.service.open_run(part, number, watch)
        work = replace(work, ctx=watch.ctx.telling(_telling_time(work, watch)))
        try:
            with alone_in(work.run.folder), work.timed("generate"):
                if not (self.lender and borrow(self.lender, work, part, number, watch)):
                    generate_sets(work, work.settings.prompt)
        finally:  # a stopped generation has its best set, too
            _settle(part, number)
        self._compare(part, work.images, watch)

    def _compare(self, part: Part, normals, watch: Watch) -> None:
        """The paper's Table 2 into quality.json of every generation, once there are two to be compared."""
        from tgvig_core.generation.set_quality import quality
        from tgvig_core.storage.run_folder import Run

        sets = {number: best for number in part.generations() if (best := best_set(part, number))}
        for number, best in sets.items() if len(sets) > 1 else ():
            run = Run(part.generation(number))
            if (run.read_json("quality.json") or {}).get("set") != best:
                watch.progress("Comparing the images with your photos", 0, 0)
                run.write_json("quality.json", {"set": best} | asdict(quality(run.load_set(best), normals.cpu())))

    def train(self, folder: Path, arguments: Mapping[str, Any], watch: Watch) -> None:
        """A detector from the images that were asked for; an earlier one of this generation and its inspection go."""
        import shutil

        self.service.encoder()
        from tgvig_core.fitting.training_sets import TrainingSet
        from tgvig_core.photos.images import save_png, to_pixels
        from tgvig_core.runs.steps import fit
        from tgvig_core.storage.run_lock import alone_in

        part = Part(folder)
        asked = Train(**arguments)
        number, backbone = asked.generation, _pack_of(asked.features) if asked.features else asked.backbone
        learned = replace(TrainingSet.parse(asked.arm), excluded=asked.left_out)
        work = self.service.open_run(
            part, number, watch, backbone, detector=asked.detector, false_alarm=asked.false_alarm
        )
        self._find_outliers(part, watch)
        with alone_in(work.run.folder), work.timed("train"):
            for name in ("model", "inspect"):
                shutil.rmtree(work.run.folder / name, ignore_errors=True)
            _, card = fit.train(work, work.images, asked.set, learned)
        pool = work.run.folder / "pool"  # "why here" shows the remembered patches in these pictures
        shutil.rmtree(pool, ignore_errors=True)
        pool.mkdir()
        for place, image in enumerate(fit.pool_of(work, work.images, asked.set, learned, card.rejected).images):
            save_png(to_pixels(image), pool / f"{place:04d}.png")
        part.choose(threshold=None, decisions={})

    def complete(self, folder: Path, arguments: Mapping[str, Any], watch: Watch) -> None:
        """Generate, then train with the set that came out of it: what a program asks for at once."""
        self.generate(folder, arguments, watch)
        used = used_set(Part(folder), Complete(**arguments).generation)
        self.train(folder, dict(arguments) | {"set": used, "left_out": []}, watch)

    def inspect(self, folder: Path, arguments: Mapping[str, Any], watch: Watch) -> None:
        """Scores, maps and heatmaps of the part's test photos into generations/<k>/inspect; figures where they have labels."""
        self.service.pack()
        import numpy as np

        from tgvig_core.inspection.inspector import Inspector, Verdict, check_photos
        from tgvig_core.photos.labelled_folder import read_test_folder
        from tgvig_core.runs.card import load_model
        from tgvig_core.runs.steps.evaluate import evaluate

        part = Part(folder)
        run = part.generation(Inspect(**arguments).generation)
        detector, card = load_model(run / "model", self.service.device())
        tests, target = read_test_folder(part.folder / "tests" / "test"), run / "inspect"
        check_photos([photo.path for photo in tests], watch.ctx)

        def keep_map(place: int, verdict: Verdict) -> None:
            assert verdict.finding  # a photo that cannot be read has ended the job
            (target / "maps").mkdir(exist_ok=True)
            with whole(target / "maps" / f"{place}.npy") as draft:
                np.save(draft, verdict.finding.map.astype(np.float16))

        inspector = Inspector(detector, card.calibration.limits)
        rows, figures = evaluate(inspector, tests, target / "heatmaps", watch.ctx, keep_map)
        images = [
            {"path": row.path, "score": row.score, "map": place, "defective": photo.defective, "heatmap": row.heatmap}
            for place, (row, photo) in enumerate(zip(rows, tests, strict=True))
        ]
        write_json(target / "scores.json", {"images": images, "figures": figures})

    def check(self, folder: Path, arguments: Mapping[str, Any], watch: Watch) -> None:
        """What the detector would miss and what it should learn from, beside it in check.json."""
        watch.progress("Loading the models", 0, 0)
        self.service.encoder()
        from tgvig_core.runs.card import load_model
        from tgvig_core.runs.steps.check import check
        from tgvig_core.storage.run_lock import alone_in

        part, asked = Part(folder), Check(**arguments)
        model = part.generation(asked.generation) / "model"
        detector, card = load_model(model, self.service.device())
        work = self.service.open_run(
            part, asked.generation, watch, _pack_of(card.saved.backbone) if card.saved.backbone else "",
            detector=card.saved.detector, false_alarm=card.calibration.false_alarm,
        )  # fmt: skip
        with alone_in(work.run.folder), work.timed("check"):
            write_json(model / "check.json", check(work, work.images, detector, card, thorough=asked.thorough))

    def export(self, folder: Path, arguments: dict, watch: Watch) -> None:
        """The detector as a bundle, see jobs/bundle.py."""
        self.service.pack()
        bundling.make(Part(folder), Export(**arguments), watch)


def _pack_of(backbone: str) -> str:
    """The pack that brings a backbone."""
    from tgvig_core.packs import registry

    return registry.of_backbone(backbone).name


def _settle(part: Part, number: int) -> None:
    """Use the generation's best set, or the one that the person chose; what was left out of another set is none of it."""
    choices, used = part.choices, used_set(part, number)
    if used and choices.generation == number:
        part.choose(chosen_set=used, viewed_set=None, left_out=choices.left_out if used == choices.chosen_set else ())


def _telling_time(work: Work, watch: Watch) -> Progress:
    """The watch's progress that also tells the seconds to go."""
    from tgvig_core.runs.estimates import known_speed

    settings, run = work.settings, work.run
    speed = known_speed(settings.pack, work.device)
    photos, update = len(work.normals.photos), settings.integrating.update
    guess = speed.of_iteration(settings.generating, photos, update) if speed else None
    wanted, began, before = settings.integrating.iterations, time.monotonic(), len(run.iterations())

    def progress(step: str, done: int, total: int) -> None:
        watch.progress(step, done, total)
        watch.left = _left(len(run.iterations()), wanted, time.monotonic() - began, before, guess)

    return progress


def _left(done: int, wanted: int, elapsed: float, before: int, guess: float | None) -> float | None:
    """Seconds to go: by the pace of the iterations that ended here, before the first one by the measured speed."""
    ended = done - before
    pace = elapsed / (ended + 0.5) if ended else guess
    return None if pace is None else max((wanted - before) * pace - elapsed, 0.0)
