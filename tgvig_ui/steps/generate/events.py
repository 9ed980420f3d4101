"""What happens in step 3: start, continue, look at a set and use it, leave images out, compare with the photo."""

from __future__ import annotations

from functools import partial

import gradio as gr

from tgvig_core.utils.errors import TgvigError
from tgvig_ui.jobs.arguments import Generate
from tgvig_ui.jobs.begin_generations import Asked, begin
from tgvig_ui.jobs.server import Server, bound
from tgvig_ui.parts.generations import unfinished, use_set, used_set
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.ranking import ranking
from tgvig_ui.steps.generate.layout import NAMED, Generating
from tgvig_ui.steps.generate.words import estimate
from tgvig_ui.widgets.form import PRIVATE
from tgvig_ui.widgets.html import note


def wire(server: Server, step: Generating, part_id: gr.State) -> list:
    """Start, continue, look at a set, use it, leave images out. Returns the events, after which the page redraws."""
    on = partial(bound, server)
    options = [step.images, step.iterations, step.seed, step.variance, step.text, step.pack, step.others]
    for entry in (step.images, step.iterations, step.others, step.pack):
        entry.change(partial(estimate_now, server), [part_id, *estimated(step)], step.estimate, queue=False, **PRIVATE)
    begun = [
        step.start.click(on(start), [part_id, *options], None, **PRIVATE),
        step.more.click(on(more), [part_id], None, **PRIVATE),
    ]
    if server.lender:
        for event in begun:
            event.then(server.lend, part_id, None, concurrency_limit=None, **PRIVATE)
    return [
        *begun,
        step.generation.input(on(look), [part_id, step.generation], None, **PRIVATE),
        step.set.input(on(see), [part_id, step.set], None, **PRIVATE),
        step.use.click(on(use), [part_id, step.set], None, **PRIVATE),
        step.gallery.select(on(compare), [part_id], None, **PRIVATE),
        step.out.click(on(leave_out), [part_id], None, **PRIVATE),
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
    if not part.choices.prompt:
        raise TgvigError("There is no prompt yet: find one in step 2.")
    asked = Asked(int(images), int(iterations), int(seed or 0), variance, text, pack)
    begin(server, part, prompts(part, others), asked, "generate")


def prompts(part: Part, others: list[str]) -> list[str]:
    """The chosen prompt and those that it is compared with, each once."""
    found = ranking(part)
    return list(dict.fromkeys([part.choices.prompt, *(getattr(found, NAMED[name]) for name in others if found)]))


def more(server: Server, id: str) -> None:
    """Go on with the generation that is shown, and with those it is compared with."""
    part = server.part(id)
    numbers = unfinished(part)
    if not numbers:
        raise TgvigError("This generation has all the sets that were asked for: press Start for a new one.")
    server.submit(part, "generate", Generate(tuple(numbers)))


def look(server: Server, id: str, number: int) -> None:
    """Another generation, with the set that it would use."""
    part = server.part(id)
    used = used_set(part, number)
    part.choose(generation=number, chosen_set=used, viewed_set=None, picture=None, left_out=(), threshold=None)


def see(server: Server, id: str, number: int) -> None:
    """Another set, only to look at."""
    server.part(id).choose(viewed_set=number, picture=None)


def use(server: Server, id: str, number: int) -> None:
    """Train with this set."""
    part = server.part(id)
    if part.choices.generation is None:
        raise TgvigError("There is no generation yet: press Start.")
    use_set(part, part.choices.generation, number)
    part.choose(chosen_set=number, left_out=())


def compare(server: Server, id: str, event: gr.SelectData) -> None:
    """The image that was clicked, beside its photo."""
    server.part(id).choose(picture=event.index)


def leave_out(server: Server, id: str) -> None:
    """Leave the image that is looked at out of training, or take it back in."""
    part = server.part(id)
    part.choose(left_out=tuple(sorted(set(part.choices.left_out) ^ {part.choices.picture})))


def estimated(step: Generating) -> list:
    """The entries that the estimate depends on, in the order in which `estimate_now` takes them."""
    return [step.images, step.iterations, step.others, step.pack]


def estimate_now(server: Server, id: str, images: float, iterations: float, others: list[str], pack: str) -> str:
    """Time and memory on this device, before anything is started; nothing for a part without photos."""
    part = server.store.part(id)
    if part is None or not part.photos():
        return ""
    server.service.warm.wait(60)
    count = int(iterations) * len(prompts(part, others))
    return note(estimate(server.service, int(images), count, len(part.photos()), pack), "hint")
