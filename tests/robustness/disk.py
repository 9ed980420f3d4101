"""A disk that is full in the middle of a run, or that turns read-only; then it has room again and the run goes on."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.robustness.forked import child, together
from tests.robustness.kill import Points
from tests.robustness.row import Row
from tests.robustness.said import no_sentence, resume
from tests.robustness.small_run import SmallRun, left_in
from tgvig_core.utils.progress import RunContext

SEED = 4
ROOM = (4_096, 400_000, 30_000_000)
"""Bytes that are free on the small disk: for some lines, for a set, for half a state."""
RIGHT = REFUSED, WENT_ON = "refused", "went on"
TRIED = 8
"""Points at which the system says that the disk is full."""


def half_done(small: SmallRun) -> Path:
    """FOLDER/half: a run that was killed in its second iteration."""
    out = small.folder / "half"

    def progress(step: str, done: int, total: int) -> None:
        if step.startswith("Iteration 2"):
            os.kill(os.getpid(), signal.SIGKILL)

    if not out.exists() and (ended := child(lambda: small.begin(out, RunContext(progress)))).signal != signal.SIGKILL:
        raise RuntimeError(f"the run was not killed: {ended}")
    return out


def finished(small: SmallRun, out: Path) -> str:
    """Finish a run that is disturbed no longer, and say in what it is wrong."""
    ended = child(lambda: small.go_on(out))
    return str(ended) if str(ended) != "done" else small.differs(out, deaths=1)


@contextlib.contextmanager
def disk(folder: Path) -> Iterator[None]:
    """A disk in memory of its own.

    Raises:
        CalledProcessError, OSError: this person may not mount.
    """
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", folder], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def changed(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


def full(small: SmallRun, place: Path, room: int) -> str:
    """A real disk with so many bytes left: a sentence, nothing half-written, and with more room the run ends well."""
    half = half_done(small)
    with disk(place):
        out = shutil.copytree(half, place / "run")
        used = os.statvfs(place)
        changed(place, f"size={(used.f_blocks - used.f_bfree) * used.f_frsize + room}")
        ended = child(lambda: resume(out))
        wrong = no_sentence(ended, "disk is full", str(out))
        changed(place, "size=1g")
        return wrong or finished(small, out)


def read_only(small: SmallRun, place: Path) -> str:
    """The same with a disk that may not be written to."""
    half = half_done(small)
    with disk(place):
        out = shutil.copytree(half, place / "run")
        changed(place, "ro")
        wrong = no_sentence(child(lambda: resume(out)), str(out), "cannot be written")
        changed(place, "rw")
        return wrong or finished(small, out)


def needs_room(event: str, arguments: tuple) -> bool:
    """Whether an audit event is of something that a full disk refuses."""
    return event in ("os.rename", "os.mkdir") or (event == "open" and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR)))


def refused_at(small: SmallRun, out: Path, at: int, number: int) -> str:
    """From a point on the system refuses to open, rename or make anything, with an error number; later the run goes on.

    Args:
        at: point of the resumed run, from 1; with fewer points it ends well at once.
    """
    shutil.copytree(half_done(small), out)

    def disturbed() -> dict:
        seen = Points(out)

        def heard(event: str, arguments: tuple) -> None:
            if needs_room(event, arguments) and str(out) in str(arguments[0]) and len(seen.names) >= at:
                raise OSError(number, os.strerror(number), str(arguments[0]))

        sys.addaudithook(heard)
        return resume(out)

    ended = child(disturbed)
    done = isinstance(ended.value, dict) and ended.value["code"] == 0
    wrong = "" if done else no_sentence(ended, out.name)
    wrong = wrong or left_in(out) or finished(small, out)
    shutil.rmtree(out, ignore_errors=True)
    return f"point {at}, {errno.errorcode[number]}: {wrong}" if wrong else WENT_ON if done else REFUSED


def row(what: str, works: list, figure: str, bound: str = "one sentence, then as undisturbed", at_once: int = 2) -> Row:
    """A line of the table from trials that each say what is wrong; "" for nothing, or which of two right ways it went."""
    said = [str(ended) if ended.value is None else ended.value for ended in together(works, at_once)]
    wrong = [words for words in said if words not in ("", *RIGHT)]
    counts = ", ".join(f"{said.count(way)} {way}" for way in RIGHT if way in said)
    return Row(what, len(works), len(works) - len(wrong), "; ".join(filter(None, [figure, counts, *wrong[:3]])), bound)


def may_mount(folder: Path) -> bool:
    try:
        with disk(folder):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


def mounted(may: bool, what: str, works: list, figure: str = "") -> Row:
    """Trials on a disk of their own; without the right to mount they are a row that does not hold."""
    return row(what, works, figure) if may else Row(what, 1, 0, "may not mount here")


def rows(small: SmallRun) -> Iterator[Row]:
    half_done(small)
    places = [(small.folder / f"disk{room}", room) for room in ROOM]
    left = f"{', '.join(f'{room / 1000:,.0f} kB' for room in ROOM)} left"
    works = [lambda p=place, r=room: full(small, p, r) for place, room in places]
    may = may_mount(small.folder / "probe")
    yield mounted(may, "full disk (tmpfs)", works, left)
    yield mounted(may, "disk turned read-only (tmpfs)", [lambda: read_only(small, small.folder / "readonly")])
    draw = random.Random(SEED)
    drawn = [(draw.randint(1, 45), (errno.ENOSPC, errno.EROFS, errno.EDQUOT)[k % 3]) for k in range(TRIED)]
    works = [lambda o=small.folder / f"refused{k}", d=d: refused_at(small, o, *d) for k, d in enumerate(drawn)]
    yield row("disk full, over quota or read-only from a random point on", works, f"seed {SEED}")
