"""Generated sets of a run: the integrator (TGVIG, Eq. 3 to 7) on disk, stopped and resumed at any iteration."""

from __future__ import annotations

from typing import Any

from tgvig_core.generation.integrator import Integrator
from tgvig_core.packs import registry
from tgvig_core.runs.work import Work
from tgvig_core.storage.run_folder import Run
from tgvig_core.utils.memory import NOTES


def generate_sets(work: Work, prompt: str) -> list[float]:
    """Sets 1 to L on disk; returns their similarities.

    Args:
        prompt: P.

    Raises:
        TgvigError: an image, a loss or a similarity is not finite, or memory is short. Stopped: the stop event was set.
    """
    settings, run = work.settings, work.run
    wanted = settings.integrating.iterations  # L
    if len(run.iterations()) < wanted:
        learning = settings.integrating.update
        generator = registry.generator_of(work.models.pack, work.models.generator, settings.generating, learning)
        integrator = Integrator(
            generator, work.models.encoder, work.images, prompt, settings.integrating, settings.seed
        )
        if state := _state(run):
            integrator.load_state_dict(state)
        for iteration in integrator.iterations(work.ctx):
            run.save_set(iteration.number, iteration.images)  # I⁺ (Eq. 3)
            run.journal("iteration", number=iteration.number, similarity=iteration.similarity, losses=iteration.losses,
                        images=len(iteration.images), seconds=round(iteration.seconds, 3))  # fmt: skip
            run.save_state(integrator.state_dict())
            if work.finish is not None and work.finish.is_set():
                break
    return [row["similarity"] for row in run.iterations()][:wanted]


def _state(run: Run) -> dict[str, Any] | None:
    """Where the integrator goes on; None begins with set 1, and the same seed draws the same sets again."""
    state, whole = run.load_state(), len(run.iterations())
    if state and state["done"] > whole:
        NOTES.warning(
            "Set %d of %s, or its line in the journal, is gone: the sets are made again from the first one, the same ones.",
            whole + 1,
            run.folder,
        )
        return None
    return state
