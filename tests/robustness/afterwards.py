"""kill -9 of what is done with a finished run: `tgvig check`, `tgvig inspect` and `tgvig export`; then the same command again."""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from tests.robustness.disk import row
from tests.robustness.forked import child
from tests.robustness.kill import Death, killed, points, spread
from tests.robustness.row import Row
from tests.robustness.said import tgvig
from tests.robustness.small_run import NUT, SmallRun, left_in
from tgvig_core.bundles.bundle import open_bundle
from tgvig_core.utils.errors import TgvigError

SEED = 5
TRIED = 5
"""Deaths of each command."""

Command = Callable[[Path], dict]


def check(folder: Path) -> dict:
    return tgvig("check", folder / "run", "--quiet")


def inspect(folder: Path) -> dict:
    return tgvig("inspect", folder / "run", folder / "photos", "--out", folder / "out", "--quiet")


def export(folder: Path) -> dict:
    return tgvig("export", folder / "run", "--out", folder / "run.zip", "--format", "torch", "--quiet")


def half(folder: Path) -> str:
    """What there is of a half-written file under a file's own name."""
    for path in folder.rglob("*"):
        draft = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not draft and not _whole(path):
            return f"{path.name} is half-written"
    return ""


def _whole(path: Path) -> bool:
    try:
        if path.suffix == ".png":
            Image.open(path).load()
        elif path.suffix == ".json":
            json.loads(path.read_text())
        elif path.name == "scores.jsonl":
            [json.loads(line) for line in path.read_text().splitlines()]
        elif path.suffix == ".csv":
            rows = list(csv.reader(path.read_text().splitlines()))
            return len({len(row) for row in rows}) <= 1
        elif path.suffix == ".zip":
            open_bundle(path).read("torch/model.safetensors")
    except (OSError, ValueError, TgvigError):
        return False
    return True


def kept(folder: Path) -> dict[str, object]:
    """What the commands leave, without times and places."""
    found: dict[str, object] = {path.name: path.read_bytes() for path in folder.glob("out/heatmaps/*.png")}
    if (folder / "run.zip").exists():
        found["bundle"] = open_bundle(folder / "run.zip").about.files["torch/model.safetensors"]
    for path in (folder / "run" / "check.json", folder / "out" / "scores.jsonl", folder / "out" / "scores.csv"):
        if path.exists():
            found[path.name] = path.read_text().replace(str(folder), "")
    return found


def prepared(small: SmallRun, folder: Path) -> Path:
    """A folder with the finished run and photos."""
    shutil.copytree(small.reference, folder / "run")
    shutil.copytree(NUT / "test" / "chip", folder / "photos")
    return folder


def again(small: SmallRun, folder: Path, command: Command, death: Death, wanted: dict) -> str:
    """Kill a command, look at what it left, and run it again."""
    prepared(small, folder)
    ended, death = killed(lambda seen: command(folder), folder, death)
    wrong = half(folder) if ended.signal else "nothing died"
    if not (folder / "run.zip").exists():
        ended = child(lambda: command(folder))
        code = ended.value["code"] if isinstance(ended.value, dict) else ended
        wrong = wrong or ("" if code in (0, 1) else f"the second time: {ended.value or ended}")
    wrong = wrong or left_in(folder) or ("" if kept(folder) == wanted else "another outcome")
    shutil.rmtree(folder)
    return f"{death}: {wrong}" if wrong else ""


def rows(small: SmallRun, count: int = TRIED) -> Iterator[Row]:
    draw = random.Random(SEED)
    for command in (check, inspect, export):
        folder = prepared(small, small.folder / f"{command.__name__}-undisturbed")
        names = points(lambda seen, c=command, f=folder: c(f), folder)
        wanted = kept(folder)
        works = [
            lambda o=small.folder / f"{command.__name__}{k}", c=command, d=death, w=wanted: again(small, o, c, d, w)
            for k, death in enumerate(spread(draw, count, len(names)))
        ]
        yield row(f"kill -9 of `tgvig {command.__name__}`, then again", works, f"of {len(names)} points; seed {SEED}",
                  "nothing half-written, then as undisturbed")  # fmt: skip
