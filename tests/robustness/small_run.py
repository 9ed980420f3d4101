"""A small but complete run that is disturbed, and whether a run that was disturbed ended like one that was not."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tests.helpers.paths import NUT
from tgvig_core.generation.integrator import IntegratorSettings
from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.packs import registry
from tgvig_core.runs import pipeline
from tgvig_core.runs.settings import RunSettings
from tgvig_core.storage.run_folder import Run
from tgvig_core.storage.run_lock import LOCK
from tgvig_core.utils.atomic_write import is_draft
from tgvig_core.utils.progress import QUIET, RunContext

APART = ("config.json", "result.json", "journal.jsonl")
"""What is compared by its values: times, and where the run lies."""
ROUNDED = 1e-4
"""Largest difference, relative to the value, that batches of other sizes make, as in steady.py."""


@dataclass(frozen=True)
class Recipe:
    """How large the run is: three photos are compared with each other, fewer are not."""

    photos: int = 3
    images: int = 3
    iterations: int = 2
    tests: int = 1


class SmallRun:
    """The models, loaded once, and the undisturbed run in FOLDER/undisturbed.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        torch.set_num_threads(1)
        self.folder, self.recipe = folder, recipe
        self.photos_folder = folder / "photos"
        self.tests = _tests(self.photos_folder, recipe.tests)
        good = shutil.copytree(NUT / "train" / "good", self.photos_folder / "good")
        self.photos = tuple(map(str, sorted(Path(good).iterdir())[: recipe.photos]))
        models = registry.load(registry.PACKS["embedded"], None, "cpu")
        # in this process and its children; a copy, because a run changes its generator
        registry.load_generator = lambda *given: copy.deepcopy(models.generator)
        registry.load_encoder = lambda *given: models.encoder
        registry.load = lambda *given: replace(models, generator=registry.load_generator())
        self.reference = folder / "undisturbed"
        self.begin(self.reference)

    def settings(self, out: Path) -> RunSettings:
        generating, update = GeneratorSettings(images=self.recipe.images), UpdateSettings(steps=1)
        return RunSettings(
            self.photos, "metal nut", str(out), test=str(self.tests), pack="embedded", device="cpu",
            generating=generating, integrating=IntegratorSettings(self.recipe.iterations, update=update),
        )  # fmt: skip

    def begin(self, out: Path, ctx: RunContext = QUIET) -> None:
        """What `tgvig run` does."""
        pipeline.start(self.settings(out), ctx)

    def go_on(self, out: Path, ctx: RunContext = QUIET) -> None:
        """What `tgvig run --resume` does, or `tgvig run` where there was no config yet."""
        if (out / "config.json").exists():
            pipeline.resume(out, ctx=ctx)
        else:
            self.begin(out, ctx)

    def differs(self, out: Path, deaths: int = 0, whole: bool = True) -> str:
        """In what a finished run is not like the undisturbed one; "" where it is.

        Args:
            deaths: how often its process was killed: so many lines of the journal may be torn.
            whole: whether nothing else than a death has harmed its journal.
        """
        wanted, found = _files(self.reference), _files(out)
        if odd := sorted(set(wanted) ^ set(found)):
            return f"only in one of them: {', '.join(odd[:3])}"
        if others := [name for name in wanted if wanted[name] != found[name]]:
            return f"other bytes: {', '.join(others[:3])}"
        if _result(self.reference) != _result(out):
            return "another result.json"
        if not _same_state(Run(self.reference).load_state(), Run(out).load_state()):
            return "another state.pt"
        return _journal(self.reference, out, deaths, whole)

    def far(self, out: Path) -> str:
        """Which numbers of a finished run are further from the undisturbed one's than rounding goes; "" for none."""
        wanted, found = _numbers(self.reference), _numbers(out)
        if wanted.keys() != found.keys():
            return "other photos were inspected"
        away = {name: abs(found[name] - value) / abs(value) for name, value in wanted.items()}
        far = [f"{name} is {apart:.1e} away" for name, apart in away.items() if not apart <= ROUNDED]
        return ", ".join(far[:3])


def _tests(folder: Path, count: int) -> Path:
    """Some good and some chipped nuts with their masks, in MVTec AD's layout."""
    for kind in ("good", "chip"):
        (folder / "test" / kind).mkdir(parents=True)
        for file in sorted((NUT / "test" / kind).iterdir())[:count]:
            shutil.copy(file, folder / "test" / kind)
    shutil.copytree(NUT / "ground_truth" / "chip", folder / "ground_truth" / "chip")
    return folder / "test"


def drafts(folder: Path) -> list[Path]:
    """Half-written files, which only a killed process may leave."""
    return sorted(filter(is_draft, folder.rglob("*")))


def left_in(folder: Path) -> str:
    """The draft that was left in a folder, in words; "" where there is none."""
    found = drafts(folder)
    return f"{found[0].name} was left" if found else ""


def _files(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name not in (LOCK, "state.pt"))
    return {
        str(path.relative_to(folder)): "" if path.name in APART else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def _result(folder: Path) -> dict:
    found = json.loads((folder / "result.json").read_text())
    assert all(seconds >= 0 for seconds in found.pop("seconds").values()), "time ran backwards"
    return found


def _numbers(folder: Path) -> dict[str, float]:
    """The curve, the threshold and every photo's score, by what they are."""
    found = _result(folder)
    curve = {f"similarity {number}": value for number, value in enumerate(found["similarity"], 1)}
    scores = {f"score of {'/'.join(Path(row['path']).parts[-2:])}": row["score"] for row in found["images"]}
    return curve | {"threshold": found["threshold"]} | scores


def _same_state(wanted: dict, found: dict | None) -> bool:
    """A state that is one iteration behind, or gone when all sets are there, is as good: nothing more is drawn from it."""
    return not found or found["done"] < wanted["done"] or _same(wanted, found)


def _same(one: object, other: object) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    return one == other


def _journal(reference: Path, out: Path, deaths: int, whole: bool) -> str:
    (wanted, _), (found, torn) = _lines(reference), _lines(out)
    if torn > deaths:
        return f"{torn} torn lines in the journal after {deaths} deaths"
    for name in ("compared", "prompt", "trained", "done") if whole else ():
        if not any(row["event"] == name for row in found):
            return f"no {name} in the journal"
    if whole and _curve(wanted) != _curve(found):
        return "another curve in the journal"
    return ""


def _lines(folder: Path) -> tuple[list[dict], int]:
    rows, torn = [], 0
    for line in (folder / "journal.jsonl").read_text(errors="replace").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            torn += 1
    return rows, torn


def _curve(rows: list[dict]) -> dict[int, float]:
    return {row["number"]: row["similarity"] for row in rows if row["event"] == "iteration"}
