"""Load: twenty at once against one worker for ten minutes, 200 normals, 5,000 test photos, 50 parts in the list.

Sixteen of the twenty are programs at the named endpoints, four are pages in a real Chromium; twenty Chromium pages would take
the two cores from the server that is measured.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil

from tools.torture.row import Row
from tools.torture.tally import Tally

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS, PAGES = 16, 4
SECONDS = 600
"""How long the twenty go on."""
WARM_UP = 1 / 3
"""Share of that time before memory is looked at."""
SLOPE = 3.0
"""MB a minute that memory may grow after the warm-up: an hour of it is less than one job takes."""
UPDATE = 2.0
"""Seconds within which 95 % of the page's own calls are to be answered."""
NORMALS, TESTS, PARTS = 200, 5000, 50


def rows() -> Iterator[Row]:
    """All of it."""
    sys.path[:0] = [str(ROOT / "tests")]
    from browser import chromium, running
    from made_runs import photos_run

    with tempfile.TemporaryDirectory() as folder:
        with running(Path(folder) / "together") as app:
            yield from together(app, Path(folder) / "photos", PROGRAMS, PAGES, SECONDS)
        with running(Path(folder) / "normals") as app:
            yield many_normals(app, Path(folder) / "many", NORMALS)
        run = photos_run(Path(folder) / "run")
        yield many_tests(run, Path(folder) / "tests", TESTS)
        with chromium() as browser:
            yield many_parts(browser, Path(folder) / "parts", PARTS)


def together(app, folder: Path, programs: int, pages: int, seconds: float) -> Iterator[Row]:
    """Programs and pages at one server, each with photos of its own.

    Args:
        app: a running tests/browser.App. folder: for the photos.
    """
    from tools.torture.visitors import Browsing, Log, visit

    log, before, end = Log(), _failures(app), time.monotonic() + seconds
    threads = [threading.Thread(target=visit, args=(app, folder / f"client{k}", k, end, log)) for k in range(programs)]
    threads.append(threading.Thread(target=Browsing(app, folder, pages, end, log).go))
    watched = Watched(app.process.pid, end)
    for thread in (*threads, watched):
        thread.start()
    for thread in (*threads, watched):
        thread.join()
    failed = _failures(app) - before
    waits = [job.waited for job in log.jobs]
    own = Tally(f"{programs} programs and {pages} pages for {seconds:g} s: each gets its own photos and results back")
    for trial, right in log.own:
        own.saw(right, trial)
    own.saw(not failed, f"{failed} failures in the server's log")
    own.saw(waits, "no job ended in time")
    waited = f", asked to ended {statistics.median(waits):.1f} s (median), {max(waits):.1f} s (most)" if waits else ""
    yield own.row(f"{len(log.jobs)} jobs{waited}")
    yield fairness(log.jobs)
    slope, last = slope_of(watched.samples)
    bound = f"{SLOPE:g} MB a minute"
    yield Row(
        "the server's memory meanwhile",
        1,
        int(slope <= SLOPE),
        f"{slope:+.1f} MB a minute, {last:.0f} MB at the end",
        bound,
    )
    p95 = float(np.percentile(log.updates, 95)) if log.updates else float("inf")
    yield Row(
        "the page's own calls meanwhile",
        1,
        int(p95 <= UPDATE),
        f"p95 {p95:.2f} s of {len(log.updates)}",
        f"{UPDATE:g} s",
    )


def _failures(app) -> int:
    return app.log.read_text().count("Traceback")


def fairness(jobs: Sequence) -> Row:
    """One worker takes the jobs in the order in which they were asked for."""
    tally = Tally("the queue takes jobs in the order of their asking")
    for first, second in ((a, b) for a in jobs for b in jobs if a.taken < b.asked):
        tally.saw(
            first.ended < second.ended,
            f"asked {second.asked - first.taken:.1f} s later, ended {first.ended - second.ended:.1f} s before",
        )
    return tally.row(f"{tally.tried} pairs of jobs")


def slope_of(samples: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Least squares after the warm-up: MB a minute, and the last value in MB.

    Args:
        samples: seconds since the beginning, and bytes.
    """
    times, held = np.array(samples).T
    kept = times >= WARM_UP * times[-1]
    return float(np.polyfit(times[kept] / 60, held[kept] / 1e6, 1)[0]), float(held[-1] / 1e6)


class Watched(threading.Thread):
    """Resident memory of a process and its children, once a second until a time of time.monotonic."""

    def __init__(self, pid: int, end: float) -> None:
        super().__init__()
        self.process, self.end = psutil.Process(pid), end
        self.samples: list[tuple[float, float]] = []

    def run(self) -> None:
        began = time.monotonic()
        while time.monotonic() < self.end:
            self.samples.append((time.monotonic() - began, resident(self.process)))
            time.sleep(min(1.0, max(self.end - time.monotonic(), 0)))


def resident(process: psutil.Process) -> float:
    """Bytes of a process and its children; 0 once it has ended."""
    try:
        return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0


def many_normals(app, folder: Path, count: int) -> Row:
    """As many photos of good parts as a part takes, in one call, and what one more is answered.

    Args:
        app: a running tests/browser.App. folder: for the photos.
    """
    from tools.torture.asking import Asker
    from tools.torture.visitors import data_of, patterned, upload

    tally, limit = Tally(f"{count} photos of good parts given at once, then more than {NORMALS}"), 120.0
    asker, began = Asker(app.url), time.monotonic()
    given = [upload(asker, patterned(folder, 5_000_000 + k)) for k in range(count)]
    id = data_of(asker.called("rank", given, "plate"))
    seconds = time.monotonic() - began
    kept = len(list((app.runs / id / "photos").glob("*.png")))
    tally.saw(kept == count, f"{kept} of {count} are there")
    said = asker.called("rank", (given * NORMALS)[: NORMALS + 1], "plate")
    tally.saw("event: error" in said and str(NORMALS) in said, said[:160])
    tally.saw(seconds < limit, f"{seconds:.0f} s")
    return tally.row(f"{seconds:.1f} s, upload included", f"{limit:g} s")


def many_tests(run: Path, folder: Path, count: int) -> Row:
    """`tgvig inspect` on a folder of small photos; a person's part takes 2,000, the command any number."""
    from tools.torture.visitors import patterned

    most, held = 2e9, 0.0
    for k in range(count):
        patterned(folder / "photos", k)
    command = [
        sys.executable,
        "-m",
        "tgvig_core",
        "inspect",
        str(run),
        str(folder / "photos"),
        "--out",
        str(folder / "out"),
    ]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        held = max(held, resident(watched))
        time.sleep(0.2)
    seconds = time.monotonic() - began
    written = len(list((folder / "out").rglob("*.png")))
    right = min(written, count) if process.returncode in (0, 1) and held < most else 0
    rate = f"{seconds:.0f} s ({count / seconds:.0f} a second), at most {held / 1e6:.0f} MB"
    return Row(f"{count} test photos of 64 px inspected", count, right, rate, f"{most / 1e6:.0f} MB")


def many_parts(browser, folder: Path, count: int) -> Row:
    """The page with many parts on the server's disk: from its address to the menu of recent ones."""
    from browser import open_page, running
    from playwright.sync_api import expect

    from tgvig_ui.store import Store
    from tools.torture.visitors import patterned

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
