"""The web app's server killed in the middle of a part's job (generate, then train), and the next server that takes it up."""

from __future__ import annotations

import hashlib
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from tests.robustness.disk import row
from tests.robustness.forked import child
from tests.robustness.kill import Death, killed, points, spread
from tests.robustness.row import Row
from tests.robustness.small_run import SmallRun, left_in
from tgvig_core.storage.run_folder import Run
from tgvig_ui.jobs.queue import Executor
from tgvig_ui.jobs.service import Options, Service
from tgvig_ui.jobs.tasks import Jobs
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.store import Store

SEED = 3
TRIED = 8
ASKED = {"generation": 1, "generations": [1], "arm": "tgvig", "false_alarm": 0.05}
ID = "0" * 12


def begun(small: SmallRun) -> Path:
    """FOLDER/parts-begun: a server's folder with a part whose generation was asked for and not begun."""
    root = small.folder / "parts-begun"
    service, part = Service(Options("embedded", None, "cpu")), Part(root / ID)
    part.folder.mkdir(parents=True)
    part.choose(object_name="metal nut", prompt="a metal nut")
    part.add_photos(small.photos)
    service.begin(part, "a metal nut", images=2, iterations=2, seed=0, variance=True, text=True)
    return root


def serve(root: Path) -> str:
    """A server that ends when the part's job has; returns the job's state and message."""
    store, part = Store(root), Part(root / ID)
    executor = Executor(Jobs(Service(Options("embedded", None, "cpu"))).work)
    if not executor.recover(store):  # nothing was left: the person asks
        executor.submit(part.folder, "complete", ASKED)
    while (status := executor.status(part.folder)).busy:
        time.sleep(0.01)
    executor.close()
    return f"{status.state} {status.message}".strip()


def made(root: Path) -> dict[str, object]:
    """What the job leaves: images, detector, pool, curve."""
    run = Run(root / ID / "generations" / "1")
    files = [path for name in ("sets", "model", "pool") for path in run.folder.glob(f"{name}/**/*") if path.is_file()]
    found = {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files if path.suffix in (".png", ".safetensors")
    }  # fmt: skip
    return found | {"curve": [line["similarity"] for line in run.iterations()]}


def copied(first: Path, root: Path) -> Path:
    """A copy of a server's folder, whose part knows where it lies."""
    shutil.copytree(first, root)
    config = root / ID / "generations" / "1" / "config.json"
    config.write_text(config.read_text().replace(str(first), str(root)))
    return root


def trial(root: Path, first: Path, death: Death, wanted: dict) -> str:
    """Kill a server, start another one, and compare what the job has left."""
    copied(first, root)
    ended, death = killed(lambda seen: serve(root), root, death)
    wrong = "" if ended.signal else "nothing died"
    ended = child(lambda: serve(root))
    wrong = wrong or ("" if ended.value == "done" else str(ended.value or ended))
    wrong = wrong or ("" if made(root) == wanted else "another outcome") or left_in(root)
    shutil.rmtree(root)
    return f"{death}: {wrong}" if wrong else ""


def rows(small: SmallRun) -> Iterator[Row]:
    first = begun(small)
    undisturbed = copied(first, small.folder / "parts-undisturbed")
    names = points(lambda seen: serve(undisturbed), undisturbed)
    wanted, drawn = made(undisturbed), spread(random.Random(SEED), TRIED, len(names))
    works = [lambda r=small.folder / f"parts{k}", d=d: trial(r, first, d, wanted) for k, d in enumerate(drawn)]
    yield row("kill -9 of the app's server in a job, then another server", works, f"of {len(names)} points; seed {SEED}",
              "images and detector as undisturbed")  # fmt: skip
