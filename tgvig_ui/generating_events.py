"""What happens in step 3: start, continue, look at a set and use it, leave images out, compare with the photo."""

from __future__ import annotations

from functools import partial

import gradio as gr

from tgvig_core.errors import TgvigError
from tgvig_ui.generating_layout import NAMED, Generating
from tgvig_ui.generations import best_of, settings_of, similarity, unfinished
from tgvig_ui.server import Server, bound
from tgvig_ui.service import ranking
from tgvig_ui.words import duration, note


def wire(server: Server, step: Generating, part_id: gr.State) -> list:
    """Start, continue, look at a set, use it, leave images out. Returns the events, after which the page redraws."""
    on = partial(bound, server)
    private = {"api_visibility": "private", "show_progress": "hidden"}
    options = [step.images, step.iterations, step.seed, step.variance, step.text, step.pack, step.others]
    asked = [step.images, step.iterations, step.others]
    for entry in asked:
        entry.change(partial(estimate_now, server), asked, step.estimate, queue=False, **private)
    return [
        step.start.click(on(start), [part_id, *options], None, **private),
        step.more.click(on(more), [part_id], None, **private),
        step.generation.input(on(look), [part_id, step.generation], None, **private),
        step.set.input(on(see), [part_id, step.set], None, **private),
        step.use.click(on(use), [part_id, step.set], None, **private),
        step.gallery.select(on(compare), [part_id], None, **private),
        step.out.click(on(leave_out), [part_id], None, **private),
    ]


def start(
    server: Server,
    id: str,
    images: float,
    iterations: float,
    seed: float | None,
    variance: bool,
    text: bool,
    pack: str,
    others: list[str],
) -> None:
    """Generate for the prompt that was chosen, and for those it is compared with."""
    part = server.part(id)
    if (status := server.status(part)) and status.busy:
        raise TgvigError("This part is still being worked on: wait for it, or press Stop.")
    if not part.choices.prompt:
        raise TgvigError("There is no prompt yet: find one in step 2.")
    found = ranking(part) or {}
    prompts = list(dict.fromkeys([part.choices.prompt, *(found[NAMED[name]] for name in others if found)]))
    numbers = [
        server.service.begin(part, text_, int(images), int(iterations), int(seed or 0), variance, text, pack)
        for text_ in prompts
    ]
    part.choose(generation=numbers[0])
    server.submit(part, "generate", {"generations": numbers})


def more(server: Server, id: str) -> None:
    """Go on with what was stopped."""
    part = server.part(id)
    server.submit(part, "generate", {"generations": unfinished(part)})


def look(server: Server, id: str, number: int) -> None:
    """Another generation, with the set that it would use."""
    part = server.part(id)
    text = settings_of(part, number)["integrating"]["text"]  # False: the last set was asked for
    best = best_of(similarity(part, number), text)
    part.choose(generation=number, chosen_set=best, viewed_set=None, picture=None, left_out=(), threshold=None)


def see(server: Server, id: str, number: int) -> None:
    """Another set, only to look at."""
    server.part(id).choose(viewed_set=number, picture=None)


def use(server: Server, id: str, number: int) -> None:
    """Train with this set."""
    server.part(id).choose(chosen_set=number, left_out=())


def compare(server: Server, id: str, event: gr.SelectData) -> None:
    """The image that was clicked, beside its photo."""
    server.part(id).choose(picture=event.index)


def leave_out(server: Server, id: str) -> None:
    """Leave the image that is looked at out of training, or take it back in."""
    part = server.part(id)
    part.choose(left_out=tuple(sorted(set(part.choices.left_out) ^ {part.choices.picture})))


def estimate_now(server: Server, images: float, iterations: float, others: list[str]) -> str:
    """Time and memory on this device, before anything is started."""
    server.service.warm.wait(60)
    from tgvig_core.estimate import known_speed
    from tgvig_core.generator import GeneratorSettings
    from tgvig_core.integrator import IntegratorSettings

    speed = known_speed(server.service.pack()[0].name, server.service.device())
    if speed is None:
        return note("How long it takes is measured when the first prompts are ranked.", "hint")
    seconds = speed.seconds(GeneratorSettings(images=int(images)), IntegratorSettings(int(iterations))) * (
        1 + len(others)
    )
    return note(f"On this device: about {duration(seconds)} and {speed.gigabytes:.1f} GB of memory.", "hint")
