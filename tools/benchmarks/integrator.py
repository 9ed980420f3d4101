"""One iteration of the integrator (update, 20 images, similarity) against a straightforward reading of the paper.

    python -m tools.benchmarks.integrator [--device cuda]

On a CPU: the embedded pack's generator at 256 px from one bundled photo. With `--device cuda` the paper's f16 generator
as well, where a GPU and its file are there.
"""

from __future__ import annotations

import argparse
import copy
import math
import os
from pathlib import Path

import torch
from torch import Tensor

from tgvig_core.generation.integrator import Integrator, IntegratorSettings
from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.packs.registry import PACKS, Pack, generator_of, load_encoder, load_generator
from tgvig_core.photos.images import read_normals
from tgvig_core.runs.settings import SIZE
from tools.benchmarks.row import Row, alternately, show
from tools.benchmarks.straightforward import Straightforward

PHOTO = Path(__file__).resolve().parents[2] / "assets" / "samples" / "hex_nut" / "train" / "good" / "000.jpg"
PROMPT, SEED = "a photo of a metal nut", 1
GOAL, GPU_GOAL = 3.0, 10.0
IMAGES_EQUAL, GRADIENTS_EQUAL = 3e-4, 1e-2
"""Mean difference of images of the same weights and draws, in [-1, 1]; relative difference of all gradients together. Not the
largest: codes that are nearly as near as others, and the signs of |x - x̂|, turn on rounding. With 32-bit sums in AVX2's
order no code turns and images differ by 5e-6 at most; in AVX-512's order one does, and 30 × 30 px differ by 2e-3."""
LEARNED_EQUAL, SIMILARITY_EQUAL = 2e-3, 5e-3
"""Mean difference of the images and difference of cos(z_t, z_v) after an update: Adam takes whole steps where a gradient
is near 0, so that two orders of the same sums come apart; direct convolutions differ by 5e-4 and 3e-4."""
MANY = 1000
"""More iterations than are measured."""


class Compared:
    """Our integrator and the straightforward one with the same weights, photo, prompt and seed."""

    def __init__(
        self, pack: Pack, device: str = "cpu", side: int = SIZE,
        generating: GeneratorSettings | None = None, learning: UpdateSettings | None = None,
    ) -> None:  # fmt: skip
        generating, learning = generating or GeneratorSettings(), learning or UpdateSettings(crop=side)
        encoder, model = load_encoder(pack, device=device), load_generator(pack, device=device)
        normals = read_normals([PHOTO]).tensor(side).to(device)
        given = (encoder, normals[0], PROMPT, generating, learning, SEED)
        self.theirs, self.once = (Straightforward(model, *given, encode_once=once) for once in (False, True))
        settings = IntegratorSettings(MANY, update=learning)
        made = generator_of(pack, copy.deepcopy(model), generating, learning)
        self.ours = Integrator(made, encoder, normals, PROMPT, settings, SEED)
        self._iterations = self.ours.iterations()

    def iteration(self) -> tuple[Tensor, float]:
        """Ours."""
        made = next(self._iterations)
        return made.images, made.similarity

    def difference_before(self) -> tuple[float, float]:
        """Mean and largest difference between the two sets of images before anything is learned."""
        o = self.ours
        ours = o.generator.sample(o.normals, o.generator.sampling.images, torch.Generator().manual_seed(SEED))
        return apart(ours, self.theirs.generate(torch.Generator().manual_seed(SEED)))

    def difference_of_gradients(self) -> float:
        """‖g - g'‖ / ‖g'‖ of the first step's gradients of all parameters; both take that step."""
        self.ours.generator.adapt(self.ours.normals, torch.Generator().manual_seed(SEED))
        self.theirs.step(torch.Generator().manual_seed(SEED))
        theirs = dict(self.theirs.model.named_parameters())
        pairs = [(value.grad, theirs[name].grad) for name, value in self.ours.generator.network.named_parameters()]
        difference = sum(float((a - b).square().sum()) for a, b in pairs)
        return math.sqrt(difference / sum(float(b.square().sum()) for _, b in pairs))

    def differences_after(self) -> tuple[float, float, float]:
        """After one iteration of each: mean and largest difference of the images, difference of the similarities."""
        (ours, near), (theirs, close) = self.iteration(), self.theirs.iteration()
        return *apart(ours, theirs), abs(near - close)


def apart(one: Tensor, other: Tensor) -> tuple[float, float]:
    """Mean and largest absolute difference."""
    differences = (one - other).abs()
    return float(differences.mean()), float(differences.max())


def compared(pack: Pack, device: str, what: str, goal: float) -> Row:
    """One line of the table.

    Raises:
        SystemExit: the two are not the same computation.
    """
    pair = Compared(pack, device)
    equal = checked(pair, Compared(pack, device, learning=UpdateSettings(steps=1)).difference_of_gradients())
    ours, theirs = alternately(pair.iteration, pair.theirs.iteration, 2)
    again, once = alternately(pair.iteration, pair.once.iteration, 2)
    notes = f"{equal}; a straightforward one that encodes its views once: {once / again:.1f} times ours ({once:.3g} s)"
    return Row(what, "the paper on taming's modules, one by one", ours, theirs, goal, notes)


def checked(pair: Compared, gradients: float) -> str:
    """How closely the two agree.

    Raises:
        SystemExit: they are not the same computation.
    """
    before, largest = pair.difference_before()
    after, most, similarity = pair.differences_after()
    told = (
        f"images differ by {before:.0e} on average before an update ({largest:.0e} at most), gradients by {gradients:.0e} "
        f"(relative), images after 4 steps of Adam by {after:.0e} ({most:.0e} at most), similarity by {similarity:.0e}"
    )
    limits = (
        (before, IMAGES_EQUAL), (gradients, GRADIENTS_EQUAL), (after, LEARNED_EQUAL), (similarity, SIMILARITY_EQUAL)
    )  # fmt: skip
    if any(found > limit for found, limit in limits):
        raise SystemExit(f"This is not the same computation: {told}.")
    return told


def rows(device: str = "cpu") -> list[Row]:
    """The compact generator on the CPU, and the paper's on a GPU where that is asked for and there."""
    torch.set_num_threads(os.cpu_count() or 1)
    made = [compared(PACKS["embedded"], "cpu", f"integrator, one iteration, 20 images at {SIZE} px", GOAL)]
    if device == "cuda" and torch.cuda.is_available():
        made.append(compared(PACKS["paper"], device, f"the same with the paper's f16 on a GPU, {SIZE} px", GPU_GOAL))
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    show(rows(parser.parse_args().device))
