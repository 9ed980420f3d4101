"""The way of a photo through the server: bytes → frame → batch → finding → answer.

Photos wait as their frame (S×S px) and as the bytes they came in, never decoded at full size: a 64-megapixel photo is 192 MB.
For a heatmap the photo is decoded a second time.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

import numpy as np
from PIL import Image

from tgvig_core.inspection.inspector import Finding, Inspector, heatmap
from tgvig_core.inspection.regions import regions
from tgvig_core.photos.images import from_square, to_square
from tgvig_core.photos.reading import decode_bytes
from tgvig_core.utils.errors import TgvigError
from tgvig_serve.answers import Answer, RegionFound
from tgvig_serve.batching import Batcher
from tgvig_serve.bodies import Sent
from tgvig_serve.metrics import Metrics
from tgvig_serve.problems import Problem, of_photo
from tgvig_serve.settings import Settings

PHOTO_THREADS = 2
"""Photos that are decoded, or heatmaps that are drawn, at a time."""


@dataclass(frozen=True)
class Served:
    """What is served: what the bundle was made for, its identity, and how to load its inspector."""

    object: str
    bundle: str
    load: Callable[[], Inspector]


@dataclass(frozen=True)
class Framed:
    """A decoded photo in the frame (S×S×3 uint8), its own width and height in px, and its bytes' sha256."""

    square: np.ndarray = field(repr=False)
    width: int
    height: int
    sha256: str


class Desk:
    """Takes photos in, as many at once as there are places, and answers each.

    Args:
        on_failure: called once when the model cannot be loaded; `failure` then says why.
    """

    def __init__(self, served: Served, settings: Settings, metrics: Metrics, on_failure: Callable[[], None]) -> None:
        self.served, self.settings, self.metrics = served, settings, metrics
        self.inspector: Inspector | None = None
        self.failure: Exception | None = None
        self._on_failure = on_failure
        self._scoring = ThreadPoolExecutor(1, "scoring")
        self._photos = ThreadPoolExecutor(PHOTO_THREADS, "photos")
        self._batcher: Batcher[np.ndarray, Finding] = Batcher(self._score, settings.batch, self._scoring)
        self._taken = 0
        metrics.places.set(settings.places)
        metrics.watch(lambda: len(self._batcher), lambda: self._taken)

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Load the model and score what comes, as long as the block lasts."""
        tasks = [asyncio.create_task(self._open()), asyncio.create_task(self._batcher.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for pool in (self._scoring, self._photos):
                pool.shutdown(wait=False, cancel_futures=True)

    async def _open(self) -> None:
        try:
            self.inspector = await asyncio.get_running_loop().run_in_executor(self._scoring, self._warmed)
            self.metrics.ready.set(1)
        except Exception as error:
            self.failure = error
            self._on_failure()

    def _warmed(self) -> Inspector:
        # The first photo costs a multiple of the second: kernels are chosen, memory is taken.
        inspector = self.served.load()
        inspector.judge(np.full((1, inspector.size, inspector.size, 3), 127, dtype=np.uint8))
        return inspector

    def check_ready(self) -> None:
        """Raises:
        Problem: the model is not loaded yet.
        """
        if self.inspector is None:
            raise Problem(503, "The model is still being loaded; ask again in a few seconds.", {"Retry-After": "2"})

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """One of the places; taken before the body is read, so that waiting photos cannot fill the memory.

        Raises:
            Problem: all are taken.
        """
        if self._taken >= self.settings.places:
            sentence = f"All {self.settings.places} places are taken by other photos; send this one again in a second."
            raise Problem(503, sentence, {"Retry-After": "1"})
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def look(self, sent: Sent, picture: bool, started: float) -> tuple[Answer, bytes]:
        """The answer to one photo, and its heatmap as PNG where a picture is wanted (else no bytes).

        Args:
            started: time.perf_counter() at the request's arrival.

        Raises:
            Problem: the photo cannot be used. TgvigError: see Inspector.judge.
        """
        loop = asyncio.get_running_loop()
        framed = await loop.run_in_executor(self._photos, self._frame, sent)
        finding = await self._batcher.ask(framed.square)
        return await loop.run_in_executor(self._photos, self._answer, sent, framed, finding, picture, started)

    def _ready(self) -> Inspector:
        assert self.inspector is not None  # `check_ready` has refused who came before
        return self.inspector

    def _frame(self, sent: Sent) -> Framed:
        pixels, sha256 = self._decode(sent)
        return Framed(to_square(pixels, self._ready().size), pixels.shape[1], pixels.shape[0], sha256)

    def _decode(self, sent: Sent) -> tuple[np.ndarray, str]:
        try:
            return decode_bytes(sent.name, sent.content, self.settings.most_pixels)
        except TgvigError as error:
            raise of_photo(error) from error

    def _score(self, squares: list[np.ndarray]) -> Sequence[Finding]:
        self.metrics.batch.observe(len(squares))
        with self.metrics.scoring.time():
            return self._ready().judge(np.stack(squares))

    def _answer(
        self, sent: Sent, framed: Framed, finding: Finding, picture: bool, started: float
    ) -> tuple[Answer, bytes]:
        limits = self._ready().limits
        found = self._regions(framed, finding) if finding.is_anomalous else []  # as tgvig inspect writes them
        png = _png(heatmap(self._decode(sent)[0], finding.map, limits.pixel_threshold)) if picture else b""
        answer = Answer(
            score=finding.score, display=finding.display, threshold=limits.threshold, is_anomalous=finding.is_anomalous,
            verdict="anomalous" if finding.is_anomalous else "good", regions=found, width=framed.width,
            height=framed.height, sha256=framed.sha256, object=self.served.object, bundle=self.served.bundle,
            seconds=round(time.perf_counter() - started, 4),
        )  # fmt: skip
        return answer, png

    def _regions(self, framed: Framed, finding: Finding) -> list[RegionFound]:
        own = from_square(finding.map, framed.height, framed.width)
        return [RegionFound(**asdict(region)) for region in regions(own, self._ready().limits.pixel_threshold)]


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", compress_level=1)  # a photo's PNG is a tenth larger, far sooner
    return file.getvalue()
