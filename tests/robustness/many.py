"""Many at once: 200 photos of good parts, 5,000 photos to inspect, 50 parts in the list."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.helpers.paths import ROOT
from tests.robustness.asking import Asker
from tests.robustness.row import Row
from tests.robustness.steady import APART
from tests.robustness.tally import Tally
from tests.robustness.visitors import data_of, patterned, upload, waited
from tgvig_core.utils import strict_json

NORMALS = 200
"""As many photos as a part takes."""
GIVEN = 120.0
"""Seconds within which they are taken."""
LEARNED = 900.0
"""Seconds within which 200 photos are ranked and learned from: a person goes and does something else meanwhile."""
COMPARED = 5
"""Photos that are also inspected without the others: batches of other sizes round otherwise, by APART of a score."""


def many_normals(app, folder: Path, count: int) -> Row:
    """As many photos of good parts as a part takes, in one call: ranked and learned from; and what one more is answered.

    Args:
        app: a running tests/helpers/browser.App. folder: for the photos.
    """
    tally = Tally(f"{count} photos of good parts given at once and learned from, then more than {NORMALS}")
    asker, began = Asker(app.url), time.monotonic()
    given = [upload(asker, patterned(folder, 5_000_000 + k)) for k in range(count)]
    id = data_of(asker.called("rank", given, "plate"))
    seconds = time.monotonic() - began
    kept = len(list((app.runs / id / "photos").glob("*.png")))
    tally.saw(kept == count, f"{kept} of {count} are there")
    tally.saw(seconds < GIVEN, f"{seconds:.0f} s")
    learned = _learned(app, asker, id, count, began, tally)
    said = asker.called("rank", (given * NORMALS)[: NORMALS + 1], "plate")
    tally.saw("event: error" in said and str(NORMALS) in said, said[:160])
    return tally.row(f"{seconds:.1f} s, upload included; learned after {learned:.0f} s", f"{GIVEN:g} s; {LEARNED:g} s")


def _learned(app, asker: Asker, id: str, count: int, began: float, tally: Tally) -> float:
    """Seconds until the photos are ranked and a detector has learned from all of them."""
    for job, given in (("rank", ()), ("start", (id, 1, 1, 0, ""))):
        if given:
            data_of(asker.called(job, *given))
        try:
            state = waited(asker, id, LEARNED - (time.monotonic() - began))
        except AssertionError as error:
            state = {"state": "late", "message": error}
        tally.saw(state["state"] == "done", f"{job} ended {state['state']}: {state['message']}")
    seconds = time.monotonic() - began
    tally.saw(seconds < LEARNED, f"{seconds:.0f} s until the detector was there")
    photos = strict_json.loads((app.runs / id / "generations" / "1" / "config.json").read_text())["settings"]["photos"]
    tally.saw(len(photos) == count, f"learned from {len(photos)} photos")
    tally.saw("threshold" in data_of(asker.called("result", id)), "there is no detector")
    return seconds


def many_tests(run: Path, folder: Path, count: int) -> Row:
    """`tgvig inspect` on a folder of small photos; a person's part takes 2,000, the command any number."""
    most, held = 2e9, 0.0
    files = [patterned(folder / "photos", k) for k in range(count)]
    began = time.monotonic()
    process = inspecting(run, folder / "out", folder / "photos")
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        held = max(held, resident(watched))
        time.sleep(0.2)
    seconds = time.monotonic() - began
    tally = Tally(f"{count} test photos of 64 px inspected")
    tally.saw(process.returncode in (0, 1), f"exit code {process.returncode}")
    tally.saw(held < most, f"{held / 1e6:.0f} MB")
    all_judged(folder / "out", files, tally)
    some = files[:: max(count // COMPARED, 1)][:COMPARED]
    inspecting(run, folder / "few", *some).wait()
    same_scores(folder, some, tally)
    rate = f"{seconds:.0f} s ({count / seconds:.0f} a second), at most {held / 1e6:.0f} MB"
    return tally.row(rate, f"{most / 1e6:.0f} MB")


def all_judged(out: Path, files: list[Path], tally: Tally) -> None:
    """A row for every photo and none besides, each with a heatmap of its own."""
    found = judged(out)
    tally.saw(len(found) == len(files), f"{len(found)} rows")
    maps = len({row["heatmap"] for row in found})
    tally.saw(maps == len(found), f"{maps} heatmaps for {len(found)} rows")
    rows = {row["path"]: row for row in found}
    for file in files:
        row = rows.get(str(file))
        tally.saw(row and not row["error"] and Path(row["heatmap"]).is_file(), f"{file.name}: {row}")


def same_scores(folder: Path, some: list[Path], tally: Tally) -> None:
    """Some photos get among many others the scores that they get without them."""
    many, few = ({row["path"]: float(row["score"] or "nan") for row in judged(folder / n)} for n in ("out", "few"))
    for path in map(str, some):
        one, other = many.get(path, float("nan")), few.get(path, float("nan"))
        tally.saw(abs(one - other) <= APART * other, f"{path}: {one} among many, {other} among {len(some)}")


def inspecting(run: Path, out: Path, *photos: Path) -> subprocess.Popen:
    """`tgvig inspect` in a process of its own."""
    command = [sys.executable, "-m", "tgvig_core", "inspect", str(run), *map(str, photos), "--out", str(out)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def judged(out: Path) -> list[dict[str, str]]:
    """The rows of OUT/scores.csv; none where there is no such file."""
    file = out / "scores.csv"
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines())) if file.exists() else []


def many_parts(browser, folder: Path, count: int) -> Row:
    """The page with many parts on the server's disk: from its address to the menu of recent ones."""
    from browser import open_page, running
    from playwright.sync_api import expect

    from tgvig_ui.parts.store import Store

    tally, limit = Tally(f"the page with {count} parts in the list"), 10.0
    store = Store(folder / "parts")
    for k in range(count):
        part = store.new()
        part.add_photos([patterned(folder / "given", k)])
        part.choose(object_name=f"plate {k}")
    with running(folder) as app:
        page, began = open_page(browser), time.monotonic()
        page.goto(app.url)
        expect(page.locator("#recent")).to_be_visible()
        seconds = time.monotonic() - began
        page.locator("#recent input").click()
        expect(page.locator("#recent [role=option], [role=listbox] [role=option]")).not_to_have_count(0)
        tally.saw(page.get_by_text(f"plate {count - 1}").count() > 0, "the newest part is not in the menu")
    tally.saw(seconds < limit, f"{seconds:.1f} s")
    return tally.row(f"{seconds:.1f} s", f"{limit:g} s")


def resident(process: psutil.Process) -> float:
    """Bytes of a process and its children; 0 once it has ended."""
    try:
        return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0
