"""Step 3, generation, as it is drawn: the sets' similarity to the prompt, and the set that is used (Eq. 2 to 7)."""

from __future__ import annotations

import gradio as gr

from tgvig_core.generation.best_set import best_iteration
from tgvig_ui.charts import prompts_and_sets
from tgvig_ui.parts.generations import (
    pictures,
    set_files,
    settings_of,
    similarity,
    square,
    unfinished,
    used_set,
)
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.thumbnails import thumb
from tgvig_ui.steps.generate import words
from tgvig_ui.steps.generate.comparison import comparison
from tgvig_ui.steps.generate.layout import EMPTY, Generating
from tgvig_ui.widgets.html import note


def use_button(part: Part, number: int | None) -> gr.Button:
    used = number is not None and number == part.choices.chosen_set
    return gr.Button("This set is used" if used else "Use this set", visible=True, interactive=not used)


def token(part: Part | None) -> list:
    """Changes when `show` would show something else."""
    if part is None:
        return []
    choices = part.choices
    counts = [(k, len(similarity(part, k)), (part.generation(k) / "quality.json").exists()) for k in part.generations()]
    return [
        part.id,
        counts,
        choices.generation,
        choices.chosen_set,
        choices.left_out,
        choices.prompt,
        choices.viewed_set,
        choices.picture,
        len(part.photos()),
    ]


def show(step: Generating, part: Part | None, busy: bool) -> dict:
    """New values of the step's components."""
    prompt = part.choices.prompt if part else ""
    number = part.choices.generation if part else None
    head = {
        step.prompt: note(f"Prompt: {prompt}") if prompt else note("Find a prompt in step 2 first.", "empty"),
        step.start: gr.Button(interactive=bool(prompt) and not busy),
        step.more: gr.Button(visible=bool(part and not busy and unfinished(part))),
        step.compared: comparison(part) if part else "",
        step.next: gr.Button(interactive=bool(part and part.choices.chosen_set)),
    }
    head |= _curves(step, part, number)
    curve = similarity(part, number) if part and number else []
    if part and number and curve:
        return head | _set(step, part, number, curve, busy)
    waiting = note(words.FIRST_RUNS if busy else words.NO_SET, "empty")
    return head | {
        step.said: waiting if part and number and settings_of(part, number).prompt else EMPTY,
        step.set: gr.Dropdown(visible=False),
        step.use: gr.Button(visible=False),
        step.gallery: gr.Gallery([], visible=False),
        step.hint: gr.HTML(visible=False),
        step.slider: gr.ImageSlider(visible=False),
        step.out: gr.Button(visible=False),
    }


def _curves(step: Generating, part: Part | None, number: int | None) -> dict:
    """The similarity curves of all generations, and the choice among them, also while the shown one has no set yet."""
    if part is None:
        return {step.curve: prompts_and_sets.similarity_curve({}, {}), step.generation: gr.Dropdown([], visible=False)}
    named = {k: f"{k}: {settings_of(part, k).prompt or 'no generated images'}" for k in part.generations()}
    curves = {named[k]: values for k in named if (values := similarity(part, k))}
    chosen = {number: part.choices.chosen_set}
    used = {named[k]: best for k in named if (best := chosen.get(k) or used_set(part, k))}
    return {
        step.curve: prompts_and_sets.similarity_curve(curves, used),
        step.generation: gr.Dropdown([(text, k) for k, text in named.items()], value=number, visible=len(named) > 1),
    }


def _set(step: Generating, part: Part, number: int, curve: list[float], busy: bool) -> dict:
    """The set to look at: the one that was asked for, else the newest while the job runs and the used one after it."""
    choices, chosen = part.choices, part.choices.chosen_set
    seen = choices.viewed_set or (len(curve) if busy or not chosen else chosen)
    best = best_iteration(curve)
    sets = [(f"Set {k} · {value:.3f}{' · best' if k == best else ''}", k) for k, value in enumerate(curve, 1)]
    used = note(f"Set {chosen} is used for training.", "hint") if chosen else ""
    return {
        step.said: note(words.improving(curve)) + used,
        step.set: gr.Dropdown(sets, value=seen, visible=True),
        step.use: use_button(part, seen),
        step.gallery: gr.Gallery(pictures(part, number, seen), selected_index=choices.picture, visible=True),
        step.hint: gr.HTML(note(words.hint(len(set_files(part, number, seen))), "hint"), visible=True),
        **_picture(step, part, number, seen),
    }


def _picture(step: Generating, part: Part, number: int, seen: int) -> dict:
    """One generated image beside the photo it was drawn from."""
    place, files = part.choices.picture, set_files(part, number, seen)
    if place is None or place >= len(files):
        return {step.slider: gr.ImageSlider(None, visible=False), step.out: gr.Button(visible=False)}
    photos = part.photos()
    normal = thumb(photos[place % len(photos)], part.folder / "thumbs", 512)
    back = place in part.choices.left_out
    label = f"Include image {place + 1} again" if back else f"Exclude image {place + 1}"
    offered = seen == part.choices.chosen_set  # of other sets nothing is used
    pair = gr.ImageSlider((square(normal), str(files[place])), visible=True)
    return {step.slider: pair, step.out: gr.Button(label, visible=offered)}
