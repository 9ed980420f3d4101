"""Weights that are fetched over a line that breaks: gone on with, checked, and never taken where they are not whole."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

from tests.robustness.breaking import Breaking, breaking
from tests.robustness.row import Row
from tgvig_core.packs import files
from tgvig_core.packs.files import PackFile, fetch
from tgvig_core.utils import downloads
from tgvig_core.utils.checksums import sha256
from tgvig_core.utils.errors import TgvigError

SEED = 8
SIZE = 3_000_000
CONTENT = random.Random(SEED).randbytes(SIZE)
OTHER = random.Random(SEED + 1).randbytes(SIZE)
HUB = "timm/resnet18.tv_in1k"


@contextlib.contextmanager
def place(server: Breaking) -> Iterator[Path]:
    """A cache of its own, and a line to the server in place of the one to the publisher; yields the cache's models."""

    def fetched(source: str, *given) -> None:
        downloads.download(source.replace("https://weights.invalid", server.url), *given)

    with (
        tempfile.TemporaryDirectory() as cache,
        mock.patch.dict(os.environ, {"TGVIG_CACHE": cache}),
        mock.patch.object(files, "download", fetched),
    ):
        os.environ.pop("TGVIG_MODELS_DIR", None)
        yield Path(cache) / "models"


def weights(server: Breaking) -> PackFile:
    return PackFile("weights.ckpt", "test weights", "https://weights.invalid/w", "MIT", 3, server.mark.strip('"'))


def attempts(file: PackFile) -> tuple[int, str]:
    """How often fetching is refused before it succeeds, at most 9 times; and what is wrong."""
    for refused in range(9):
        try:
            return refused, "" if sha256(fetch(file, None)) == file.sha256 else "other bytes"
        except TgvigError as error:
            if file.name not in str(error) or "models folder" not in str(error):
                return refused, f"no remedy in: {error}"
    return 9, "never fetched"


def broken_off(server: Breaking) -> str:
    """Three times, at random places: it goes on from there, and no byte is sent twice."""
    draw = random.Random(SEED)
    server.breaks = [draw.randint(1, SIZE // 4) for _ in range(3)]
    with place(server) as models:
        refused, wrong = attempts(weights(server))
        if refused != 3 or server.sent != SIZE or wrong:
            return wrong or f"{refused} refusals, {server.sent - SIZE} bytes too many"
        left = {path.name for path in models.iterdir()} - {"weights.ckpt", "checksums.json"}
        return f"left: {left}" if left else ""


def unmarked(server: Breaking) -> str:
    """Without an ETag nobody knows whether it is still the same file: nothing stays, it is fetched anew."""
    server.marked, server.breaks = False, [1_000_000]
    with place(server) as models:
        try:
            fetch(weights(server), None)
            return "taken for whole"
        except TgvigError:
            left = list(models.iterdir())
        return f"left: {left}" if left else attempts(weights(server))[1]


def without_ranges(server: Breaking) -> str:
    """A server that always sends the whole file."""
    server.ranges, server.breaks = False, [1_000_000]
    with place(server):
        return attempts(weights(server))[1]


def replaced(server: Breaking) -> str:
    """Another file under the same address when it is gone on with: not a mixture of both."""
    server.breaks = [1_000_000]
    with place(server):
        with contextlib.suppress(TgvigError):
            fetch(weights(server), None)
        server.content = OTHER
        return attempts(weights(server))[1]


def wrong_bytes(server: Breaking) -> str:
    """Not what the publisher's checksum says."""
    with place(server):
        try:
            fetch(replace(weights(server), sha256="0" * 64), None)
        except TgvigError as error:
            return "" if "wrong checksum" in str(error) else str(error)
        return "taken"


def unreachable(server: Breaking) -> str:
    """Breaks off, and then nobody is there; when the server is back it goes on."""
    server.breaks = [1_000_000]
    with place(server):
        with contextlib.suppress(TgvigError):
            fetch(weights(server), None)
        server.refuses = 503
        try:
            fetch(weights(server), None)
            return "taken for whole"
        except TgvigError as error:
            if "models folder" not in str(error):
                return str(error)
        server.refuses = 0
        wrong = attempts(weights(server))[1]
        return wrong or (f"{server.sent - SIZE} bytes too many" if server.sent != SIZE else "")


def unsatisfied(server: Breaking) -> str:
    """416, which answers a request for a part, to one for the whole file: refused like any other answer."""
    server.refuses = 416
    with place(server) as models:
        try:
            fetch(weights(server), None)
            return "taken"
        except TgvigError as error:
            left = [path.name for path in models.iterdir() if path.suffix == ".part"]
            return (
                f"left: {left}" if left else "" if "416" in str(error) and "models folder" in str(error) else str(error)
            )


KILLED = """
import os, signal, sys
from pathlib import Path
from tgvig_core.utils.downloads import download
from tgvig_core.utils.progress import RunContext
def progress(step, done, total):
    if done >= 1_000_000:
        os.kill(os.getpid(), signal.SIGKILL)
download(sys.argv[1], Path(sys.argv[2]), 1, RunContext(progress))
"""


def killed(server: Breaking) -> str:
    """kill -9 in the middle of the download: nothing under the file's name, and it is gone on with from what came."""
    with place(server) as models:
        models.mkdir(parents=True)
        target = models / "weights.ckpt"
        died = subprocess.run([sys.executable, "-c", KILLED, f"{server.url}/w", str(target)], check=False)
        if died.returncode != -signal.SIGKILL or target.exists():
            return f"exit code {died.returncode}, {list(models.iterdir())}"
        kept = sum(path.stat().st_size for path in models.iterdir())
        wrong = attempts(weights(server))[1]
        return wrong or ("" if kept and server.begun == [0, kept] else f"{kept} kept, sent from {server.begun} on")


HUB_CLIENT = """
import sys
from pathlib import Path
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.checksums import sha256
from tgvig_core.packs.files import fetch
from tgvig_core.packs.registry import PACKS
try:
    print(sha256(fetch(PACKS["paper"].backbone_file, None)))
except TgvigError as error:
    print(error)
"""


def from_hub(server: Breaking) -> str:
    """What a process says that fetches ResNet-18 from a hub: the file's sha256, or a sentence."""
    with tempfile.TemporaryDirectory() as home:
        around = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        around |= {
            "HF_ENDPOINT": server.url,
            "HF_HOME": home,
            "TGVIG_CACHE": f"{home}/cache",
            "HF_HUB_DISABLE_XET": "1",
        }
        done = subprocess.run([sys.executable, "-W", "ignore", "-c", HUB_CLIENT], env=around, capture_output=True,
                              text=True, check=False)  # fmt: skip
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip()[-200:]


def hub_breaks(server: Breaking) -> str:
    """The hub breaks off in mid-download: its own client goes on (in pieces of 10 MB)."""
    server.breaks = [1_000_000]
    said = from_hub(server)
    return "" if said == server.mark.strip('"') else said


def hub_gone(server: Breaking) -> str:
    """The hub breaks off and is not there any more: a sentence with the remedy."""
    server.breaks = [1_000_000] + [0] * 20
    said = from_hub(server)
    return "" if said.startswith("resnet18") and "models folder" in said else said


def hub_wrong(server: Breaking) -> str:
    """What comes is not what the hub's own checksum says."""
    server.spoiled = True
    said = from_hub(server)
    return "" if "wrong checksum" in said else said


TRIALS: dict[str, Callable[[Breaking], str]] = {
    trial.__name__.replace("_", " "): trial
    for trial in (broken_off, unmarked, without_ranges, replaced, wrong_bytes, unreachable, unsatisfied, killed)
}
HUB_TRIALS = {trial.__name__.replace("_", " "): trial for trial in (hub_breaks, hub_gone, hub_wrong)}


def tried(trials: dict[str, Callable[[Breaking], str]]) -> dict[str, str]:
    """What is wrong with each, "" for nothing; a server of its own for each."""
    found = {}
    for name, trial in trials.items():
        with breaking(CONTENT) as server:
            try:
                found[name] = trial(server)
            except Exception as error:  # whatever is no sentence
                found[name] = f"{type(error).__name__}: {error}"
    return found


def rows(_: object = None) -> Iterator[Row]:
    for what, trials in (
        ("download of weights that breaks", TRIALS),
        ("download from the hub that breaks", HUB_TRIALS),
    ):
        found = tried(trials)
        wrong = [f"{name}: {said}" for name, said in found.items() if said]
        yield Row(what, len(found), len(found) - len(wrong), "; ".join([", ".join(found), *wrong]),
                  "gone on with, sha256 right, or one sentence")  # fmt: skip
