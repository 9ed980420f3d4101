"""The same numbers whatever is computed at once, with however many threads, and on whichever device."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from unittest import mock

import torch
from torch import Tensor

from tests.robustness.not_numbers import noise, trained
from tests.robustness.row import Row
from tgvig_core.detectors import base
from tgvig_core.detectors.patchcore import PatchCore
from tgvig_core.detectors.patchcore_settings import PatchCoreSettings
from tgvig_core.generation import latent_sampling
from tgvig_core.generation.settings import GeneratorSettings
from tgvig_core.models.encoders import base as encoders
from tgvig_core.models.encoders.base import ImageTextEncoder
from tgvig_core.models.vqgan import Vqgan

APART = 1e-4
"""Largest difference, relative to the largest value: float32 keeps 7 digits, and sums in another order lose some of them."""
APART_FROM_NOTHING = 1e-2
"""The same where the distance is 0: it is the root of a difference of squares, and the root of 1e-5 is 3e-3."""
BATCHES = (1, 3)
NEW, OLD = noise(7)[2:], noise(5)
"""Images of which the detector remembers none, and of which it remembers the first two."""
THREADS = (1, 2)
TEXTS = [f"a metal nut with {word}" for word in "hole thread scratch rust oil a-very-long-word-of-many-parts".split()]

Work = Callable[[], Tensor]


def rows(encoder: ImageTextEncoder | None, model: Vqgan) -> Iterator[Row]:
    """encoder: None leaves it out. model: the generator."""
    scored = trained(PatchCoreSettings(coreset_least=40))
    works: dict[str, tuple[object, str, Work]] = {
        "scores": (base, "BATCH", lambda: scored.score(NEW).scores),
        "maps": (base, "BATCH", lambda: scored.score(NEW).maps),
        "generated images": (latent_sampling, "DECODE_BATCH", lambda: drawn(model)),
    }
    if encoder is not None:
        works["text embeddings"] = (encoders, "TEXT_BATCH", lambda: encoder.encode_texts(TEXTS))
        works["image embeddings"] = (encoders, "IMAGE_BATCH", lambda: encoder.encode_images(noise(5)))
    for what, (module, name, work) in works.items():
        usual = work()
        yield _row(
            f"{what}: batches of {BATCHES} at once", [apart(usual, at_once(module, name, n, work)) for n in BATCHES]
        )
    yield _remembered(scored)
    for what, (_, _, work) in works.items():
        one, other = (threaded(count, work) for count in THREADS)
        yield _row(f"{what}: {THREADS[0]} and {THREADS[1]} threads", [apart(one, other)])
    yield devices(scored)


def _row(what: str, found: list[float], bound: float = APART) -> Row:
    figure = f"largest difference {max(found):.1e} of the largest value"
    return Row(what, len(found), sum(value <= bound for value in found), figure, f"{bound:g}")


def _remembered(scored: PatchCore) -> Row:
    """The map of an image that is remembered patch by patch."""
    usual, single = scored.score(OLD).maps, at_once(base, "BATCH", 1, lambda: scored.score(OLD).maps)
    return _row("maps of a photo that is remembered: one at a time", [apart(usual, single)], APART_FROM_NOTHING)


def drawn(model: Vqgan) -> Tensor:
    """Five images of one normal, from one seed."""
    settings = GeneratorSettings(images=5, views=2)
    return latent_sampling.generate(model, noise(1), settings.images, settings, torch.Generator().manual_seed(0))


def at_once(module: object, name: str, count: int, work: Work) -> Tensor:
    with mock.patch.object(module, name, count):
        return work()


def threaded(count: int, work: Work) -> Tensor:
    before = torch.get_num_threads()
    with contextlib.ExitStack() as stack:
        stack.callback(torch.set_num_threads, before)
        torch.set_num_threads(count)
        return work()


def apart(one: Tensor, other: Tensor) -> float:
    """NaN where either holds one, which no bound lets through."""
    return ((one - other).abs().max() / one.abs().max()).item()


def devices(scored: PatchCore) -> Row:
    """The CPU and a GPU, where there is one."""
    if not torch.cuda.is_available():
        return Row("scores: CPU and CPU again (no CUDA device here)", 1, int(repeats(scored)), "equal bytes", "equal")
    there = PatchCore(scored.backbone, scored.size, scored.settings, "cuda", with_weights=False)
    there.model.load_state_dict(scored.model.state_dict())
    there.groups, there.places = scored.groups, scored.places
    found = apart(scored.score(NEW).scores, there.score(NEW).scores)
    figure = f"largest difference {found:.1e} of the largest value"
    return Row("scores: CPU and GPU", 1, int(found <= 1e-2), figure, "0.01 (TF32 keeps 3 digits)")


def repeats(scored: PatchCore) -> bool:
    return torch.equal(scored.score(NEW).scores, scored.score(NEW).scores)
