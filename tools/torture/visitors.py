"""Clients under load: programs and pages, each with photos of its own pattern, that see whether their own come back."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
from PIL import Image

from tools.torture.asking import Asker

SIDE = 64
PATIENCE = 300
"""Seconds that a job may wait and run."""
APART = 2.0
"""Seconds between the first jobs of two programs: which of two that are asked for at once comes first is nobody's right."""
PAUSE = 0.5
"""Seconds between two looks at a job."""


@dataclass(frozen=True)
class Job:
    """One job, in seconds since 1970: when it was asked for, when it was taken in, and when it had ended."""

    asked: float
    taken: float
    ended: float

    @property
    def waited(self) -> float:
        """Seconds from the asking to the end."""
        return self.ended - self.asked


@dataclass
class Log:
    """What all clients saw.

    Attributes:
        own: what each was to get back, and whether it did. updates: seconds of the page's calls.
    """

    jobs: list[Job] = field(default_factory=list)
    own: list[tuple[str, bool]] = field(default_factory=list)
    updates: list[float] = field(default_factory=list)


def pattern(number: int) -> np.ndarray:
    """64×64×3 uint8: stripes whose colours and width no other number has."""
    rng = np.random.default_rng(number)
    stripes = rng.integers(0, 256, (8, 3), dtype=np.uint8)
    return np.repeat(np.repeat(stripes, SIDE // 8, axis=0)[:, None], SIDE, axis=1)


def patterned(folder: Path, number: int) -> Path:
    """The photo of that number."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"photo{number}.png"
    Image.fromarray(pattern(number)).save(file)
    return file


def upload(asker: Asker, file: Path) -> dict:
    """A photo on the server, as the endpoints take it."""
    answer = asker.uploaded(file.name, file.read_bytes())
    assert answer.status == 200, answer.text
    return {"path": json.loads(answer.body)[0], "meta": {"_type": "gradio.FileData"}}


def visit(app, folder: Path, client: int, end: float, log: Log) -> None:
    """A program: begin parts, wait for each and compare; none is begun after `end`, a time of time.monotonic."""
    asker, turn = Asker(app.url), 0
    time.sleep(APART * client)
    while time.monotonic() < end:
        number, turn = 10_000 * (client + 1) + turn, turn + 1
        name = f"client {client} turn {turn}"
        try:
            _turn(app, asker, patterned(folder, number), name, log)
        except Exception as error:
            log.own.append((f"{name}: {type(error).__name__} {str(error)[:100]}", False))
            return


def _turn(app, asker: Asker, file: Path, name: str, log: Log) -> None:
    given = [upload(asker, file)]
    asked = time.time()
    id = data_of(asker.called("rank", given, "plate"))
    taken, deadline = time.time(), time.monotonic() + PATIENCE
    while (state := data_of(asker.called("status", id)))["state"] in ("queued", "running"):
        assert time.monotonic() < deadline, f"still {state['state']} after {PATIENCE} s"
        time.sleep(PAUSE)
    found = data_of(asker.called("result", id))
    log.own.append((f"{name} ended {state['state']}: {state['message']}", state["state"] == "done"))
    log.own.append(
        (f"{name} has {len(found['prompts'])} prompts", found["object"] == "plate" and bool(found["prompts"]))
    )
    photo = asker.get(f"/gradio_api/file={app.runs}/{id}/photos/0000_{file.name}")
    log.own.append((f"{name} got another photo", photo.body == file.read_bytes()))
    log.jobs.append(Job(asked, taken, (app.runs / id / "job.json").stat().st_mtime))


def data_of(said: str):
    """What a named endpoint answered.

    Raises:
        AssertionError: it refused.
    """
    assert "event: complete" in said, said[:200]
    return json.loads(said.rpartition("data: ")[2])[0]


@dataclass
class Browsing:
    """Pages of one Chromium: each adds a photo, sees its own, and begins anew."""

    app: object
    folder: Path
    pages: int
    end: float
    log: Log

    def go(self) -> None:
        """Until the end; what goes wrong is a trial that is not right."""
        from browser import chromium, open_page

        if not self.pages:
            return
        with chromium() as browser:
            opened = [open_page(browser) for _ in range(self.pages)]
            for page in opened:
                page.on("requestfinished", self._noted)
                page.goto(self.app.url)
            turn = 0
            while time.monotonic() < self.end:
                for place, page in enumerate(opened):
                    try:
                        self._look(page, 1_000_000 + 1000 * place + turn)
                    except Exception as error:
                        self.log.own.append((f"page {place} turn {turn}: {str(error)[:150]}", False))
                        return
                turn += 1

    def _noted(self, request) -> None:
        if request.method == "POST" and "/gradio_api/" in request.url and request.timing["responseEnd"] >= 0:
            self.log.updates.append(request.timing["responseEnd"] / 1000)

    def _look(self, page, number: int) -> None:
        from playwright.sync_api import expect

        file = patterned(self.folder / "pages", number)
        expect(page.locator("#normals img")).to_have_count(0)
        page.locator("#upload-normals input[type=file]").set_input_files(str(file))
        expect(page.locator("#normals img")).to_have_count(1)
        source = page.locator("#normals img").get_attribute("src")
        shown = np.asarray(
            Image.open(BytesIO(Asker(self.app.url).get(urlsplit(source).path).body)).convert("RGB"), dtype=float
        )
        near = shown.shape == (SIDE, SIDE, 3) and np.abs(shown - pattern(number)).mean() < 12  # a JPEG of it
        self.log.own.append((f"page got {unquote(source)[-60:]} for photo {number}", bool(near)))
        page.wait_for_timeout(1000)  # the timer's own calls
        page.locator("#new-part").click()
