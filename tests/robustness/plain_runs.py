"""Whole small runs on photos with next to nothing on them, and with settings that ask for more than the photos give.

python -m tests.robustness.plain_runs OUT computes the run of one photo in a process of its own: the same seed, started again.
"""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from tests.helpers.paths import NUT
from tests.robustness.not_numbers import strict
from tests.robustness.row import Row
from tgvig_core import api
from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.packs import registry
from tgvig_core.photos.images import read_normals
from tgvig_core.utils.errors import TgvigError

SEED = 0
EVERYTHING = PatchCoreSettings(neighbours=10**6, coreset_ratio=1.0, coreset_least=10**9)
PROMPT = "a metal nut with hole"


@dataclass(frozen=True)
class Trial:
    """A run: its name, the colours of its photos (none: a real one), images per iteration, and what is remembered."""

    name: str
    colours: tuple[tuple[int, int, int], ...] = ()
    images: int = 2
    patchcore: PatchCoreSettings = PatchCoreSettings()


TRIALS = (
    Trial("one black photo", ((0, 0, 0),)),
    Trial("two white photos a level apart", ((255, 255, 255), (254, 254, 254))),
    Trial("three photos of one colour, a level apart", ((200, 30, 30), (201, 30, 30), (200, 31, 30))),
    Trial("one photo, five images of it, more patches and neighbours asked for than there are", (), 5, EVERYTHING),
)


def rows(folder: Path, models: registry.Models) -> Iterator[Row]:
    """folder: an empty one. models: the embedded pack's."""
    loading = registry.load
    registry.load = lambda *given: replace(
        models, generator=copy.deepcopy(models.generator)
    )  # a run changes its generator
    try:
        for trial in TRIALS:
            yield _row(trial, folder)
    finally:
        registry.load = loading
    yield same(folder)
    yield again(folder)


def _row(trial: Trial, folder: Path) -> Row:
    out = folder / trial.name
    try:
        result = begin(trial, out, folder)
    except Exception as error:  # whatever it is, it belongs in the table
        return Row(f"a run of {trial.name}", 1, 0, f"{type(error).__name__}: {error}")
    tried, wrong = strict(out)
    scores = {Path(image.path).stem: image.score for image in result.images}
    made = len(list((out / "sets" / "001").glob("*.png")))
    checks = (not wrong, made == trial.images, len(scores) == 3, min(scores.values()) >= 0)
    if trial.colours:
        checks += (scores["itself"] < min(scores["nut"], scores["other"]),)
    said = ", ".join(f"{name} {score:.2f}" for name, score in scores.items())
    figure = f"threshold {result.threshold:.2f}, scores: {said}; {tried} JSON documents and cells" + "".join(wrong[:2])
    return Row(f"a run of {trial.name}", len(checks), sum(checks), figure, "all finite; itself scores least")


def begin(trial: Trial, out: Path, folder: Path) -> dict:
    """The library call, one iteration, three test photos: the part itself, a nut, and one colour."""
    given, tests = photos(trial, folder / f"{out.name} photos"), folder / f"{out.name} tests"
    tests.mkdir()
    shutil.copy(given[0], tests / "itself.png")
    nuts = sorted((NUT / "train" / "good").iterdir())
    shutil.copy(nuts[1], tests / "nut.png")
    Image.new("RGB", (256, 256), (20, 90, 160)).save(tests / "other.png")
    return api.run(
        given, "metal nut", out, test=tests, images=trial.images, iterations=1, prompt=PROMPT, pack="embedded",
        device="cpu", seed=SEED, patchcore=trial.patchcore,
    )  # fmt: skip


def photos(trial: Trial, folder: Path) -> list[Path]:
    folder.mkdir()
    for place, colour in enumerate(trial.colours):
        Image.new("RGB", (256, 256), colour).save(folder / f"{place}.png")
    if not trial.colours:
        shutil.copy(sorted((NUT / "train" / "good").iterdir())[0], folder / "0.png")
    return sorted(folder.iterdir())


def same(folder: Path) -> Row:
    """One photo three times, under different names: told at once, not computed with."""
    source, copies = sorted((NUT / "train" / "good").iterdir())[0], folder / "copies"
    copies.mkdir()
    names = [shutil.copy(source, copies / f"{name}.png") for name in "abc"]
    try:
        read_normals(names)
        said = "went on"
    except TgvigError as error:
        said = str(error)
    right = "a.png" in said and "b.png" in said and "same photo" in said
    return Row("one photo given three times", 1, int(right), "" if right else said, "refused, naming two of them")


def again(folder: Path) -> Row:
    """The last trial once more, in a process of its own."""
    first, second = folder / TRIALS[-1].name, folder / "again"
    command = [sys.executable, "-W", "ignore", "-m", "tests.robustness.plain_runs", str(second)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    what = f"the same seed ({SEED}) after a restart"
    if done.returncode:
        return Row(what, 1, 0, done.stderr.strip().rsplit("\n", 1)[-1])
    names = sorted(path.relative_to(first) for kind in ("sets", "inspect") for path in (first / kind).rglob("*.png"))
    equal = [(first / name).read_bytes() == (second / name).read_bytes() for name in names]
    kept = [json.loads((run / "result.json").read_text()) for run in (first, second)]
    for key in ("similarity", "threshold"):
        equal.append(kept[0][key] == kept[1][key])
    scores = [np.array([image.score for image in result.images]) for result in kept]
    equal.append(bool((scores[0] == scores[1]).all()))
    apart = float(np.abs(scores[0] - scores[1]).max())
    figure = f"{len(names)} pictures, curve, threshold, scores (apart {apart:g})"
    return Row(what, len(equal), sum(equal), figure, "equal bytes, difference 0")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    begin(TRIALS[-1], place, place.parent)
