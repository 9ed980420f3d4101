"""Bad input through the four doors: upload, command line, HTTP API, bundle. Each file is read right or refused in one sentence."""

from __future__ import annotations

import json
import math
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import httpx
import numpy as np

from tests.robustness.corpus import ROOT, SAMPLES, SEED, Case, cases
from tests.robustness.corpus_bombs import LIMIT
from tests.robustness.corpus_bundles import bundles
from tests.robustness.doors import Outcome, forget_peak, memory
from tests.robustness.row import Row
from tgvig_core.photos.reading import decode_bytes
from tgvig_core.utils.errors import TgvigError

SECONDS, MEGABYTES = 2.0, 1000.0
"""The longest that a file may take, and how much a process may grow at it: photo, frame, heatmap and regions of 64 megapixels
take 930."""
LIMIT_SECONDS = 15.0
"""The same for the whole way of a photo of 64 megapixels, which is read up to five times (checked, stored, shown)."""
BOUND = f"{SECONDS:g} s (64 megapixels: {LIMIT_SECONDS:g} s), {MEGABYTES:g} MB"
THROUGH_THE_PAGE = 80
PATIENCE = 600


def rows() -> Iterator[Row]:
    """The table's rows."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        files = written(cases(), folder / "files")
        yield from by_kind(files, {case.name: pixels_of(case) for case in files.values()})
        bundle = sound_bundle(folder)
        for name, door, given in (("upload in the app", "upload", bundle), ("command line", "command", bundle)):
            found = in_process(door, given, folder / door, list(files))
            yield judged(f"{name}, {len(files)} files", [(files[Path(one.file)], one) for one in found])
        with serving(bundle) as ask:
            yield judged(f"HTTP API, {len(files)} files", [(case, ask(path)) for path, case in files.items()])
        yield uploaded_to_a_page(folder / "page", files)
        yield from through_bundles(bundle, folder)


def written(given: Iterable[Case], folder: Path) -> dict[Path, Case]:
    """The cases as files."""
    folder.mkdir()
    found = {}
    for case in given:
        (folder / case.name).write_bytes(case.content)
        found[folder / case.name] = case
    return found


def pixels_of(case: Case) -> Outcome:
    """What the reader itself makes of a case; its pixels are compared with the independent ones."""
    start, wrong, size, said = time.perf_counter(), "", None, ""
    try:
        pixels, _ = decode_bytes(case.name, case.content)
        wrong, size = _compared(pixels, case), pixels.shape[:2]
    except TgvigError as error:
        said = str(error)
        wrong = "" if said.startswith(case.name) and "\n" not in said and case.words in said else f"said {said}"
    except Exception as error:  # a bug: the table shows it
        wrong = repr(error)
    return Outcome(case.name, size is not None, said, time.perf_counter() - start, 0, wrong, size)


def _compared(pixels: np.ndarray, case: Case) -> str:
    if case.pixels is None:
        return "" if case.expected == "either" else "there is nothing to compare it with"
    if pixels.shape != case.pixels.shape:
        return f"{pixels.shape} instead of {case.pixels.shape}"
    worst = max(
        int(np.abs(pixels[top : top + 256].astype(np.int16) - case.pixels[top : top + 256]).max())
        for top in range(0, len(pixels), 256)
    )
    return f"differs by {worst}" if worst > case.within else ""


def fault(case: Case, found: Outcome) -> str:
    """What is wrong with an outcome; empty where nothing is."""
    if found.wrong:
        return found.wrong
    if case.expected != "either" and found.read != (case.expected == "read"):
        return f"{'read' if found.read else 'refused'}: {found.said}"
    if found.read and found.size and case.pixels is not None and tuple(found.size) != case.pixels.shape[:2]:
        return f"{found.size} instead of {case.pixels.shape[:2]} px"
    if found.seconds > (LIMIT_SECONDS if case.kind == LIMIT else SECONDS) or found.megabytes > MEGABYTES:
        return f"{found.seconds:.1f} s, {found.megabytes:.0f} MB"
    return ""


def judged(what: str, found: Sequence[tuple[Case, Outcome]], bound: str = BOUND) -> Row:
    """A row of the table, with the first wrong outcomes by name."""
    wrong = [f"{case.name}: {said[:120]}" for case, one in found if (said := fault(case, one))]
    slowest, largest = max(one.seconds for _, one in found), max(one.megabytes for _, one in found)
    read = sum(one.read for _, one in found)
    figure = f"{read} read, {len(found) - read} refused, at most {slowest:.2f} s"
    figure += f" and {largest:.0f} MB" if largest else ""
    shown = f"; wrong (seed {SEED}): {' · '.join(wrong[:3])}" if wrong else ""
    return Row(what, len(found), len(found) - len(wrong), (figure + shown).replace("|", "/").replace("\n", " "), bound)


def by_kind(files: dict[Path, Case], found: dict[str, Outcome]) -> Iterator[Row]:
    """A row for each kind of file: read right pixel for pixel, or refused."""
    for kind in dict.fromkeys(case.kind for case in files.values()):
        own = [(case, found[case.name]) for case in files.values() if case.kind == kind]
        yield judged(f"pixels: {kind}", own, f"{LIMIT_SECONDS if kind == LIMIT else SECONDS:g} s")


def in_process(door: str, given: Path, folder: Path, files: Sequence[Path]) -> list[Outcome]:
    """The outcomes of a door in a process of its own; a file that ends or holds up the process is named, and the rest goes on."""
    found: list[Outcome] = []
    while len(found) < len(files):
        (own := folder / str(len(found))).mkdir(parents=True)
        command = [sys.executable, "-m", "tests.robustness.doors", door, str(given), str(own)]
        asked = "".join(f"{path}\n" for path in files[len(found) :])
        done = subprocess.run(command, cwd=ROOT, input=asked, capture_output=True, text=True, timeout=PATIENCE)
        got = [Outcome(**json.loads(line)) for line in done.stdout.splitlines()]
        found += got
        if len(found) < len(files):
            said = f"the process ended ({done.returncode}): {done.stderr[-200:]}"
            found.append(Outcome(str(files[len(found)]), False, "", math.inf, math.inf, said))
    return found


def sound_bundle(folder: Path) -> Path:
    """A detector of a sample part from one photo, exported for ONNX."""
    import tgvig_core as tgvig

    photo = SAMPLES / "hex_nut" / "train" / "good" / "000.jpg"
    wanted = {"arm": "real", "pack": "embedded", "prompt": "a metal nut", "images": 2, "iterations": 1}
    tgvig.run(str(photo), "metal nut", folder / "run", **wanted)
    return tgvig.export_bundle(folder / "run", folder / "bundle", formats=["onnx"])


class serving:  # noqa: N801  # a context manager
    """`tgvig serve` in a process of its own; gives what asks it about a file."""

    def __init__(self, bundle: Path) -> None:
        options = ["--port", "0", "--threads", "1", "--max-mb", "100"]
        self.command = [sys.executable, "-m", "tgvig_core", "serve", str(bundle), *options]

    def __enter__(self) -> Callable[[Path], Outcome]:
        self.process = subprocess.Popen(self.command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        self.url = re.search(r"http://[\d.:]+", self.process.stderr.readline())[0]
        _until(lambda: httpx.get(f"{self.url}/ready").status_code == 200)
        return self.ask

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=600)

    def ask(self, path: Path) -> Outcome:
        """POST /inspect."""
        before, start = forget_peak(self.process.pid), time.perf_counter()
        answer = httpx.post(f"{self.url}/inspect", files={"photo": (path.name, path.read_bytes())}, timeout=600)
        seconds, grown, found = time.perf_counter() - start, memory("VmHWM", self.process.pid) - before, answer.json()
        if answer.status_code == 200:
            right = math.isfinite(found["score"]) and found["verdict"] in ("good", "anomalous")
            size = (found["height"], found["width"])
            return Outcome(str(path), True, "", seconds, grown, "" if right else str(found), size)
        right = (
            answer.status_code in (400, 413, 415, 422)
            and set(found) == {"error"}
            and found["error"].count(path.name) == 1
        )
        said = found.get("error", "")
        return Outcome(str(path), False, said, seconds, grown, "" if right else f"{answer.status_code} {said}")


def _until(true: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if true():
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError("the server did not answer")


def uploaded_to_a_page(folder: Path, files: dict[Path, Case]) -> Row:
    """Through a real app: uploaded over HTTP as a browser does, refused in a sentence, and the page still answers."""
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    hostile = [path for path, case in files.items() if case.expected == "refused" and len(case.content) < 5e6]
    chosen = hostile[:: max(len(hostile) // THROUGH_THE_PAGE, 1)][:THROUGH_THE_PAGE]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "app.py", "--port", str(port), "--runs", str(folder), "--pack", "embedded"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        _until(lambda: httpx.get(f"http://127.0.0.1:{port}/config").status_code == 200)
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        found = []
        for path in chosen:
            before, start, said = forget_peak(process.pid), time.perf_counter(), ""
            try:
                client.predict([handle_file(path)], "nut", api_name="/rank")
            except AppError as error:
                said = str(error)
            seconds, grown = time.perf_counter() - start, memory("VmHWM", process.pid) - before
            left = [part.name for part in folder.iterdir() if (part / "part.json").exists()]
            wrong = "" if path.name in said and "\n" not in said and not left else f"said {said!r}, left {left}"
            found.append((files[path], Outcome(str(path), not said, said, seconds, grown, wrong)))
        return judged("upload to a running app, over HTTP", found)
    finally:
        process.terminate()
        process.communicate(timeout=600)


def through_bundles(bundle: Path, folder: Path) -> Iterator[Row]:
    """Damaged and hostile bundles given to `tgvig inspect`; one that still works gives the sound one's score."""
    (own := folder / "bundles").mkdir()
    expected = dict(bundles(bundle, own))
    found = in_process("bundle", SAMPLES / "hex_nut/test/rust/001.jpg", folder / "bundle_door", list(expected))
    sound = found[0].said
    pairs = []
    for one in found:
        path = Path(one.file)
        other = (
            f"scores {one.said} instead of {sound}" if one.read and one.said != sound and not one.wrong else one.wrong
        )
        case = Case("bundles", path.name, b"", expected[path])
        pairs.append((case, Outcome(one.file, one.read, one.said, one.seconds, one.megabytes, other)))
    yield judged("bundles, damaged and hostile", pairs)
    climbed = [place for place in (folder, folder.parent, Path("/tmp")) if (place / "climbed.txt").exists()]
    yield Row(
        "ZIPs with paths that climb out: nothing written outside", 1, int(not climbed), ", ".join(map(str, climbed))
    )
