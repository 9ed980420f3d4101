"""Begin generations: their folders are made and their job is queued, or nothing is left of them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tgvig_core.utils.errors import TgvigError
from tgvig_ui.jobs.arguments import Complete, Generate, Train
from tgvig_ui.jobs.job import BUSY
from tgvig_ui.jobs.server import Server
from tgvig_ui.parts.part import Part

SHOWN = ("generation", "chosen_set", "viewed_set", "picture", "left_out", "threshold")
"""The choices that beginning a generation changes."""
KINDS = {"generate": Generate, "train": Train, "complete": Complete}
_one_at_a_time = threading.Lock()  # the page and a program may both begin one for the same part


@dataclass(frozen=True)
class Asked:
    """What is asked of every generation; see GeneratorSettings, IntegratorSettings and Service.begin."""

    images: int = 20
    iterations: int = 5
    seed: int = 0
    variance: bool = True
    text: bool = True
    pack: str = ""


def begin(server: Server, part: Part, prompts: Sequence[str | None], asked: Asked, kind: str, **training: Any) -> None:
    """A generation for each prompt, the first of them shown, and the job that makes their images.

    Args:
        prompts: None for a detector from the photos, without generated images.
        kind: generate, train or complete. training: of the detector, fields of arguments.Train.

    Raises:
        TgvigError: the part has a job already, or a setting is out of range, or more than a public server allows.
    """
    _check_limits(server, part, prompts, asked)
    with _one_at_a_time:
        if server.busy(part):
            raise TgvigError(BUSY)
        before, first = part.choices, (part.generations() or [0])[-1] + 1
        numbers = tuple(range(first, first + len(prompts)))
        try:
            for prompt in prompts:
                server.service.begin(part, prompt, **vars(asked), together=numbers)
            part.choose(generation=first)
            server.submit(part, kind, KINDS[kind](**{"generations": numbers, "generation": first} | training))
        except TgvigError:  # also a job that came in between
            for number in numbers:
                shutil.rmtree(part.generation(number), ignore_errors=True)
            part.choose(**{name: getattr(before, name) for name in SHOWN})
            raise


def _check_limits(server: Server, part: Part, prompts: Sequence[str | None], asked: Asked) -> None:
    if limits := server.limits:
        generated = sum(prompt is not None for prompt in prompts)
        limits.check_sets(asked.images, asked.iterations if generated else 0, generated)
        limits.check_models(asked.pack)
