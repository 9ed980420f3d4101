"""What happens in step 3: start, continue, look at a set and use it, leave images out, compare with the photo."""

from __future__ import annotations

import gradio as gr

from tgvig_core.errors import TgvigError
from tgvig_ui.generating import NAMED, Generating, use_button
from tgvig_ui.generations import best_of, pictures, set_files, similarity, square, unfinished
from tgvig_ui.server import Server, plain
from tgvig_ui.service import ranking
from tgvig_ui.thumbs import thumb
from tgvig_ui.words import duration, note


def wire(server: Server, step: Generating, part_id: gr.State) -> None:
    """Start, continue, look at a set, use it, leave images out."""

    @plain
    def start(
        id: str, images: float, iterations: float, seed: float | None, variance: bool, text: bool, others: list[str]
    ) -> None:
        part = server.part(id)
        if (status := server.status(part)) and status.busy:
            raise TgvigError("This part is still being worked on: wait for it, or press Stop.")
        if not part.choices.prompt:
            raise TgvigError("There is no prompt yet: find one in step 2.")
        found = ranking(part) or {}
        prompts = list(dict.fromkeys([part.choices.prompt, *(found[NAMED[name]] for name in others if found)]))
        numbers = [
            server.service.begin(part, text_, int(images), int(iterations), int(seed or 0), variance, text)
            for text_ in prompts
        ]
        part.choose(generation=numbers[0])
        server.submit(part, "generate", {"generations": numbers})

    @plain
    def more(id: str) -> None:
        part = server.part(id)
        server.submit(part, "generate", {"generations": unfinished(part)})

    @plain
    def look(id: str, label: str) -> None:
        part = server.part(id)
        number = int(label)
        curve = similarity(part, number)
        part.choose(generation=number, chosen_set=best_of(curve), left_out=(), threshold=None)

    @plain
    def see(id: str, number: int) -> tuple:
        part = server.part(id)
        return gr.Gallery(pictures(part, part.choices.generation, number)), use_button(part, number)

    @plain
    def use(id: str, number: int) -> None:
        server.part(id).choose(chosen_set=number, left_out=())

    @plain
    def leave_out(id: str, number: int, picked: int | None) -> None:
        part = server.part(id)
        if picked is None:
            raise TgvigError("No image is selected: click one first.")
        if number != part.choices.chosen_set:
            raise TgvigError("Images can be left out of the set that is used: press “Use this set” first.")
        part.choose(left_out=tuple(sorted(set(part.choices.left_out) ^ {picked})))

    @plain
    def compare(id: str, number: int, event: gr.SelectData) -> tuple:
        part = server.part(id)
        photos = part.photos()
        normal = thumb(photos[event.index % len(photos)], part.folder / "thumbs", 512)
        made = set_files(part, part.choices.generation, number)[event.index]
        left_out = event.index in part.choices.left_out
        label = f"{'Take image' if left_out else 'Leave image'} {event.index + 1} {'back in' if left_out else 'out'}"
        return (
            event.index,
            (square(normal), str(made)),
            gr.Button(label, visible=number == part.choices.chosen_set),
        )

    private = {"api_visibility": "private", "show_progress": "hidden"}
    options = [step.images, step.iterations, step.seed, step.variance, step.text, step.others]
    step.start.click(start, [part_id, *options], None, **private)
    step.more.click(more, [part_id], None, **private)
    step.generation.input(look, [part_id, step.generation], None, **private)
    step.set.input(see, [part_id, step.set], [step.gallery, step.use], **private)
    step.use.click(use, [part_id, step.set], None, **private)
    step.gallery.select(compare, [part_id, step.set], [step.picked, step.slider, step.out], **private)
    step.out.click(leave_out, [part_id, step.set, step.picked], None, **private)
    for entry in (step.images, step.iterations, step.others):
        entry.change(
            lambda *given: estimate_now(server, *given),
            [step.images, step.iterations, step.others],
            step.estimate,
            queue=False,
            **private,
        )


def estimate_now(server: Server, images: float, iterations: float, others: list[str]) -> str:
    """Time and memory on this device, before anything is started."""
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
