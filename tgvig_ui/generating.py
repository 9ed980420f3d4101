"""Step 3, generation, as it is drawn: the sets' similarity to the prompt, and the set that is used (Eq. 2 to 7)."""

from __future__ import annotations

import gradio as gr

from tgvig_ui import figures
from tgvig_ui.generating_layout import EMPTY, Generating
from tgvig_ui.generations import best_of, comparison, pictures, set_files, settings_of, similarity, square, unfinished
from tgvig_ui.plot_style import empty
from tgvig_ui.store import Part
from tgvig_ui.thumbs import thumb
from tgvig_ui.words import note

WAIT = "The first set appears here after about a minute"


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
    curve = similarity(part, number) if number else []
    if curve:
        return head | _curves(step, part, number) | _set(step, part, number, curve, busy)
    return head | {
        step.curve: empty(WAIT),
        step.said: note("The first iteration is running.", "empty") if number and busy else EMPTY,
        step.generation: gr.Dropdown(visible=False),
        step.set: gr.Dropdown(visible=False),
        step.use: gr.Button(visible=False),
        step.gallery: gr.Gallery([], visible=False),
        step.hint: gr.HTML(visible=False),
        step.slider: gr.ImageSlider(visible=False),
        step.out: gr.Button(visible=False),
    }


def _curves(step: Generating, part: Part, number: int) -> dict:
    """The similarity curves of all generations, and the choice among them."""
    named = {k: f"{k}: {settings_of(part, k).get('prompt', '')}" for k in part.generations()}
    curves = {named[k]: values for k in named if (values := similarity(part, k))}
    return {
        step.curve: figures.similarity_curve(curves, {name: best_of(values) for name, values in curves.items()}),
        step.generation: gr.Dropdown([(text, k) for k, text in named.items()], value=number, visible=len(named) > 1),
    }


def _set(step: Generating, part: Part, number: int, curve: list[float], busy: bool) -> dict:
    """The set to look at: the one that was asked for, else the newest while the job runs and the used one after it."""
    choices, chosen = part.choices, part.choices.chosen_set
    seen = choices.viewed_set or (len(curve) if busy or not chosen else chosen)
    best = best_of(curve)
    sets = [(f"Set {k} · {value:.3f}{' · best' if k == best else ''}", k) for k, value in enumerate(curve, 1)]
    used = note(f"Set {chosen} is used for training.", "hint") if chosen else ""
    return {
        step.said: note(figures.improving(curve)) + used,
        step.set: gr.Dropdown(sets, value=seen, visible=True),
        step.use: use_button(part, seen),
        step.gallery: gr.Gallery(pictures(part, number, seen), selected_index=choices.picture, visible=True),
        step.hint: gr.HTML(visible=True),
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
    label = f"Take image {place + 1} back in" if back else f"Leave image {place + 1} out"
    offered = seen == part.choices.chosen_set  # of other sets nothing is used
    pair = gr.ImageSlider((square(normal), str(files[place])), visible=True)
    return {step.slider: pair, step.out: gr.Button(label, visible=offered)}
