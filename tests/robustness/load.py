"""Load: twenty at once against one worker for ten minutes, 200 normals, 5,000 test photos, 50 parts in the list.

Sixteen of the twenty are programs at the named endpoints, four are pages in a real Chromium; twenty Chromium pages would take
the two cores from the server that is measured.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import psutil

from tests.robustness.many import NORMALS, ROOT, many_normals, many_parts, many_tests, resident
from tests.robustness.pages import Browsing
from tests.robustness.row import Row
from tests.robustness.tally import Tally
from tests.robustness.visitors import Log, Program, compare_alone

PROGRAMS, PAGES = 16, 4
SECONDS = 600
"""How long the twenty go on."""
WARM_UP = 1 / 3
"""Share of that time before memory is looked at."""
SLOPE = 3.0
"""MB a minute that memory may grow after the warm-up: an hour of it is less than one job takes."""
SHOWN = 8.0
"""Seconds within which 95 % of the pages' pictures, and of the empty pages of new parts, are to be seen. Set after the first
measurements (5.8 and 5.9 s): the two cores also bear the worker's jobs, Chromium and the programs."""
TESTS, PARTS = 5000, 50


def rows() -> Iterator[Row]:
    """All of it."""
    sys.path[:0] = [str(ROOT / "tests" / "helpers")]
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
        app: a running tests/helpers/browser.App. folder: for the photos.
    """
    log, before, end = Log(), _failures(app), time.monotonic() + seconds
    clients = [Program(app, folder / f"client{k}", k, programs, log) for k in range(programs)]
    threads = [threading.Thread(target=client.go, args=(end,)) for client in clients]
    threads.append(threading.Thread(target=Browsing(app, folder, pages, end, log).go))
    watched = Watched(app.process.pid, end)
    for thread in (*threads, watched):
        thread.start()
    for thread in (*threads, watched):
        thread.join()
    jobs = tuple(log.jobs)
    compare_alone(clients, log)
    failed = _failures(app) - before
    waits = [job.waited for job in jobs]
    own = Tally(f"{programs} programs and {pages} pages for {seconds:g} s: each gets its own photos and results back")
    for trial, right in log.own:
        own.saw(right, trial)
    own.saw(not failed, f"{failed} failures in the server's log")
    own.saw(waits, "no job ended in time")
    waited = f", asked to ended {statistics.median(waits):.1f} s (median), {max(waits):.1f} s (most)" if waits else ""
    yield own.row(f"{len(jobs)} jobs{waited}")
    yield fairness(jobs)
    yield memory(watched.samples)
    yield pictures(log.shown)


def memory(samples: Sequence[tuple[float, float]]) -> Row:
    """See `slope_of`."""
    slope, last = slope_of(samples)
    figure = f"{slope:+.1f} MB a minute, {last:.0f} MB at the end"
    return Row("the server's memory meanwhile", 1, int(slope <= SLOPE), figure, f"{SLOPE:g} MB a minute")


def pictures(shown: Sequence[float]) -> Row:
    """How soon the pages showed what was asked of them, in seconds."""
    p95 = float(np.percentile(shown, 95)) if shown else float("inf")
    what = "meanwhile in the pages: from a photo to its picture, from New part to the empty page"
    figure = (
        f"median {statistics.median(shown):.2f} s, p95 {p95:.2f} s of {len(shown)}" if shown else "nothing was shown"
    )
    return Row(what, 1, int(p95 <= SHOWN), figure, f"{SHOWN:g} s")


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
