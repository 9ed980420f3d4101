"""The real web app in a process of its own, and one Chromium page that looks at it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paths import ROOT
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path(os.environ.get("TGVIG_TEST_CHROMIUM") or "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
STARTS_WITHIN = 600
"""Seconds: only for an app that will never answer. Nothing is said about how long a start takes."""
SLOW = 300_000
"""Milliseconds after which a test gives up on a page: far more than two busy cores need."""


class App:
    """The app as people start it: `python app.py`, with its own runs folder."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.runs, self.log, self.options = folder / "parts", folder / "server.log", options
        self.port = free_port()
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> App:
        """Start the process and wait until its page answers."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "app.py", *self.arguments()]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment(), stdout=log, stderr=log)
        deadline = time.monotonic() + STARTS_WITHIN
        while not self._answers():
            ended = self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                self.stop()
                why = "ended" if ended else f"did not answer within {STARTS_WITHIN} s"
                raise AssertionError(f"the app {why}; its log:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.1)
        return self

    def arguments(self) -> list[str]:
        """What app.py is given."""
        given = ["--pack", "embedded", "--device", "cpu", "--runs", str(self.runs), "--port", str(self.port)]
        return [*given, *self.options]

    def environment(self) -> dict[str, str]:
        """Its environment variables: the tests' own, with their cache."""
        return dict(os.environ)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the process and wait for it; SIGKILL leaves it no time to tidy up."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(120)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url, timeout=60) as answer:
                return answer.status == 200
        except OSError:
            return False


@contextmanager
def running(folder: Path, *options: str) -> Iterator[App]:
    """An app for the length of a with block."""
    app = App(folder, *options)
    try:
        yield app.start()
    finally:
        app.stop()


@contextmanager
def chromium() -> Iterator[Browser]:
    """One headless browser.

    Raises:
        AssertionError: it is not on this machine; the message says how to get it.
    """
    assert CHROMIUM.is_file(), (
        f"There is no Chromium at {CHROMIUM}. As root on Debian or Ubuntu: apt-get install chromium; "
        "or point TGVIG_TEST_CHROMIUM to one."
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def open_page(browser: Browser, width: int = 1280, height: int = 900) -> Page:
    """A fresh visitor: no cookies, no storage of an earlier one."""
    context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(SLOW)
    return page


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
