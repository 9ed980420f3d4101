"""Files one after another through a door of the tool, each measured: what was said, how long, how much memory, what was left.

Runs in a process of its own, so that its peak is that of the door: python -m tests.robustness.doors DOOR BUNDLE FOLDER < files.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import SimpleNamespace

NOISE = ("tempfile.tif:", "TIFF")
"""How lines begin that libtiff, inside Pillow, writes to standard error by itself."""


@dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Attributes:
        file: its path. read: whether it was taken. said: what was said where it was not.
        seconds, megabytes: how long it took, and how much the process grew at its peak.
        wrong: what must never be: a traceback, several sentences, something half-written; empty where nothing is.
        size: height and width in px as they came out; None where the door does not tell.
    """

    file: str
    read: bool
    said: str
    seconds: float
    megabytes: float
    wrong: str = ""
    size: tuple[int, int] | None = None


def memory(which: str, process: int | str = "self") -> float:
    """VmRSS (now) or VmHWM (the most since `forget_peak`) of a process, in MB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(which)).split()[1]) / 1024


def forget_peak(process: int | str = "self") -> float:
    """Begin to measure a process; what it holds now, in MB. Source: proc(5), clear_refs."""
    Path(f"/proc/{process}/clear_refs").write_text("5")
    return memory("VmRSS", process)


def command(arguments: list[str]) -> tuple[int, str, str]:
    """`tgvig` in this process: exit code, standard output, standard error with what C libraries wrote."""
    from tgvig_core.cli.main import main

    before, out = os.dup(2), io.StringIO()
    with tempfile.TemporaryFile() as errors:
        os.dup2(errors.fileno(), 2)
        said = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), errors="backslashreplace")
        sys.argv = ["tgvig", *arguments]
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
                main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            said.flush()
            os.dup2(before, 2)
            os.close(before)
        errors.seek(0)
        return code, out.getvalue(), errors.read().decode(errors="backslashreplace")


def sentence(name: str, code: int, errors: str) -> tuple[str, str]:
    """The one sentence of a refusal, and what is wrong with it."""
    lines = [line for line in errors.splitlines() if line.strip() and not line.startswith(NOISE)]
    wrong = "" if code == 2 else f"exit code {code}"
    if len(lines) != 1 or not lines[0].startswith("tgvig: ") or "Traceback" in errors:
        wrong = f"said {errors[-300:]!r}"
    elif name not in lines[0]:
        wrong = "the file is not named"
    return (lines or [""])[-1], wrong


def by_command(bundle: Path, folder: Path, file: Path) -> tuple[bool, str, str, tuple[int, int] | None]:
    """`tgvig inspect`; where it is refused, `tgvig run` with it as the good photo too."""
    out = folder / "out"
    which = "none" if file.name.startswith("limit") else "all"
    code, _, errors = command(["inspect", str(bundle), str(file), "--out", str(out), "--heatmaps", which, "--quiet"])
    if not (out / "scores.jsonl").exists():
        return False, "", f"code {code}, {errors[-300:]}", None
    rows = [json.loads(line) for line in (out / "scores.jsonl").read_text().splitlines()]
    left = [path.name for path in out.rglob("*") if path.is_file() and path.suffix not in (".png", ".csv", ".jsonl")]
    wrong, size = f"left {left}" if left else "", None
    read = code in (0, 1)
    if read:
        if len(rows) != 1 or not 0 <= rows[0]["score"] < float("inf") or errors.strip():
            wrong = wrong or f"rows {rows}, said {errors[-200:]}"
        if which == "all":
            import cv2

            size = cv2.imread(rows[0]["heatmap"]).shape[:2]
        said = ""
    else:
        said, bad = sentence(file.name, code, errors)
        wrong = wrong or bad or ("" if rows and rows[0]["error"] and rows[0]["score"] is None else f"rows {rows}")
        arguments = [
            "run",
            str(file),
            "--object",
            "part",
            "--pack",
            "embedded",
            "--out",
            str(folder / "run"),
            "--quiet",
        ]
        code, _, errors = command(arguments)
        bad = sentence(file.name, code, errors)[1]
        wrong = wrong or (f"run: {bad}" if bad else "run: left a folder" if (folder / "run").exists() else "")
    shutil.rmtree(out)
    return read, said, wrong, size


def by_bundle(photo: Path, folder: Path, file: Path) -> tuple[bool, str, str, None]:
    """`tgvig inspect BUNDLE` of a hostile bundle."""
    out = folder / "out"
    code, _, errors = command(["inspect", str(file), str(photo), "--out", str(out), "--quiet"])
    if code in (0, 1):
        rows = [json.loads(line) for line in (out / "scores.jsonl").read_text().splitlines()]
        shutil.rmtree(out)
        return True, f"{rows[0]['score']:.4f}", "" if not errors.strip() else errors[-200:], None
    said, wrong = sentence(file.name, code, errors)
    return False, said, wrong or ("left a folder" if out.exists() else ""), None


def uploader(folder: Path) -> Callable[[Path], tuple[bool, str, str, tuple[int, int] | None]]:
    """What the page's upload fields call, with the drawing of the step behind it."""
    import gradio as gr
    import numpy as np
    from PIL import Image

    from tgvig_core.utils.atomic_write import is_draft
    from tgvig_ui.jobs.server import Server, bound
    from tgvig_ui.parts.store import Store
    from tgvig_ui.steps.inspect import events as inspecting_events
    from tgvig_ui.steps.photos import events as normals_events
    from tgvig_ui.steps.photos import view as normals

    (folder / "samples").mkdir()
    executor = SimpleNamespace(status=lambda folder: None)
    server = Server(Store(folder / "parts"), SimpleNamespace(pack=lambda: None), executor, folder / "samples", True)
    with gr.Blocks():
        step = normals.build(server)
    shown: list[str] = []
    gr.Warning = lambda text, **_: shown.append(text)  # outside of an event there is no page to show it

    def upload(file: Path) -> tuple[bool, str, str, tuple[int, int] | None]:
        shown.clear()
        try:
            id, _ = bound(server, normals_events.add)("", [str(file)])
        except gr.Error as error:
            said, left = str(error.message), [path.name for path in server.store.root.rglob("*")]
            wrong = "" if file.name in said and "\n" not in said else f"said {said}"
            return False, said, wrong or (f"left {left}" if left else ""), None
        part = server.store.part(id)
        normals.show(step, part)
        bound(server, inspecting_events.add)(id, [str(file)])
        copies = [*part.photos(), *part.tests()]
        same = len(copies) == 2 and all(copy.read_bytes() == file.read_bytes() for copy in copies)
        small = np.asarray(Image.open(next((part.folder / "thumbs").iterdir()))).shape
        left = [path.name for path in part.folder.rglob("*") if is_draft(path)]
        shutil.rmtree(part.folder)
        right = same and not shown and not left and max(small) <= 320
        return True, "", "" if right else f"copies {copies}, shown {shown}, left {left}", None

    return upload


def through(door: str, given: Path, folder: Path, files: Iterator[Path]) -> Iterator[Outcome]:
    """The outcomes, in the files' order.

    Args:
        door: command, upload or bundle. given: the detector for `command`, the photo for `bundle`. folder: an empty one.
    """
    if door == "upload":
        take = uploader(folder)
    else:
        from tgvig_core.bundles import runtimes

        if door == "command":  # a file is measured, not the loading of the detector
            runtimes.load_inspector = lambda *_: loaded
            from tgvig_core.bundles.bundle import open_bundle

            loaded = _load(open_bundle(given))
        take = functools.partial(by_command if door == "command" else by_bundle, given, folder)
    if door != "upload":  # the command's own imports are no file's
        command(["run", str(folder / "none.png"), "--object", "part", "--out", str(folder / "run")])
    for file in files:
        before, start = forget_peak(), time.perf_counter()
        try:
            read, said, wrong, size = take(file)
        except Exception as error:  # a bug of the tool: the table shows it
            read, said, wrong, size = False, "", repr(error), None
        seconds = time.perf_counter() - start
        yield Outcome(str(file), read, said, seconds, memory("VmHWM") - before, wrong, size)


def _load(bundle):
    from tgvig_core.bundles.runtimes import OnnxScorer
    from tgvig_core.inspection.inspector import Inspector

    return Inspector(OnnxScorer(bundle.read("onnx/model.onnx"), bundle.size, 1), bundle.limits)


def main() -> None:
    door, given, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    said = os.fdopen(os.dup(1), "w")
    for outcome in through(door, given, folder, (Path(line.rstrip("\n")) for line in sys.stdin)):
        print(json.dumps(asdict(outcome)), file=said, flush=True)


if __name__ == "__main__":
    main()
