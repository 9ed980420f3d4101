"""Pages under load, each with photos of its own pattern: whether their own come back, and how soon."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
from PIL import Image

from tests.robustness.asking import Asker
from tests.robustness.visitors import SIDE, Log, pattern, patterned

PICTURE = (
    "document.querySelectorAll('#normals img').length == 1 && document.querySelector('#normals img').naturalWidth > 0"
)
EMPTY = "document.querySelectorAll('#normals img').length == 0"
"""What is seen in a page with a photo, and in an empty one."""


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

    def _look(self, page, number: int) -> None:
        file = patterned(self.folder / "pages", number)
        self._timed(page, EMPTY, lambda: None)
        choose = page.locator("#upload-normals input[type=file]").set_input_files
        self.log.shown.append(self._timed(page, PICTURE, lambda: choose(str(file))))
        source = page.locator("#normals img").get_attribute("src")
        shown = np.asarray(
            Image.open(BytesIO(Asker(self.app.url).get(urlsplit(source).path).body)).convert("RGB"), dtype=float
        )
        near = shown.shape == (SIDE, SIDE, 3) and np.abs(shown - pattern(number)).mean() < 12  # a JPEG of it
        self.log.own.append((f"page got {unquote(source)[-60:]} for photo {number}", bool(near)))
        page.wait_for_timeout(1000)  # the timer's own calls
        self.log.shown.append(self._timed(page, EMPTY, page.locator("#new-part").click))

    def _timed(self, page, wanted: str, act: Callable[[], object]) -> float:
        """Seconds from an act until the page shows what is wanted."""
        began = time.monotonic()
        act()
        page.wait_for_function(wanted)
        return time.monotonic() - began
