"""What the steps of the page share: the parts, the worker, the jobs, and how a handler and its errors reach the page."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from tgvig_core.utils.errors import TgvigError
from tgvig_ui.jobs.arguments import Arguments, plain_values
from tgvig_ui.jobs.job import Status
from tgvig_ui.jobs.queue import Executor, disk_failed
from tgvig_ui.jobs.service import Service
from tgvig_ui.jobs.zero_gpu import Lender
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.photo_names import own_name
from tgvig_ui.parts.store import Store
from tgvig_ui.security.visitors import Limits, visitor

ITERATING = ("generate", "complete")
"""The kinds of job that make iterations."""


@dataclass(frozen=True)
class Server:
    """One running app. `local` tells whether a person at this machine uses it: then paths on its disk may be typed.

    `limits` are those of a server for strangers, None for people of one's own. `lender` is there on ZeroGPU only.
    """

    store: Store
    service: Service
    executor: Executor
    samples: Path
    local: bool
    limits: Limits | None = None
    lender: Lender | None = None

    def part(self, id: str) -> Part:
        """The part of an id.

        Raises:
            TgvigError: there is none yet.
        """
        part = self.store.part(id)
        if part is None:
            first = "There are no photos yet: add 1 to 5 photos of good parts in step 1."
            raise TgvigError(self.store.gone(id) or first)
        return part

    def status(self, part: Part | None) -> Status | None:
        """The part's latest job."""
        return self.executor.status(part.folder) if part else None

    def busy(self, part: Part | None) -> bool:
        """Whether a job of this part waits or runs."""
        state = self.status(part)
        return bool(state and state.busy)

    def sample_of(self, part: Part) -> str | None:
        """The sample part that a part's good photos are of, told by their names and bytes; None for all others."""
        photos = part.photos()
        for folder in self.samples.iterdir():
            first = folder / "train" / "good" / (own_name(photos[0]) if photos else "")
            if photos and first.is_file() and first.read_bytes() == photos[0].read_bytes():
                return folder.name
        return None

    def lend(self, id: str) -> None:
        """On ZeroGPU: give a part's generation the GPU's time that this event has, while it waits or runs."""
        part = self.store.part(id)
        if part and self.lender:
            self.lender.lend(part.folder, lambda: self.busy(part) and self.status(part).kind in ITERATING)

    def submit(self, part: Part, kind: str, arguments: Arguments | None = None) -> None:
        """Queue a job of this part.

        Raises:
            TgvigError: the part has a job already, or takes more of the disk than a public server allows.
        """
        if self.limits:
            self.limits.check_room(part.bytes())
        self.executor.submit(part.folder, kind, plain_values(arguments) if arguments else {}, visitor())


def said(sentence: str) -> str:
    """A sentence for gradio's messages, which are HTML."""
    return escape(sentence, quote=False)


def plain(handler: Callable) -> Callable:
    """Show a TgvigError, or a disk that fails, as one sentence in the page; the page stays as it was."""

    @functools.wraps(handler)
    def shown(*arguments, **named):
        try:
            return handler(*arguments, **named)
        except TgvigError as error:
            raise gr.Error(said(str(error)), duration=None, title="Please check", print_exception=False) from error
        except OSError as error:  # a full disk, a folder that may not be read
            raise gr.Error(said(disk_failed(error)), duration=None, title="Please check") from error

    return shown


def bound(server: Server, handler: Callable, *given) -> Callable:
    """A `plain` handler with its first arguments given: the server, and what else it is told when the page is built.

    gradio reads a handler's name, signature and hints (an event's data, an endpoint's documentation); functools.partial
    would hide them.
    """

    @functools.wraps(handler)
    def called(*arguments, **named):
        return handler(server, *given, *arguments, **named)

    signature = inspect.signature(handler)
    called.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1 + len(given) :])
    return plain(called)
