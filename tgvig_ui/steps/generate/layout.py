"""Step 3, generation: where things are on the page, and their names."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from tgvig_core.packs.registry import PACKS
from tgvig_ui.security.visitors import Limits
from tgvig_ui.steps.generate.words import HINT
from tgvig_ui.widgets.form import Form
from tgvig_ui.widgets.html import note

EMPTY = note(
    "No images yet. Set how many you want and press Start; you can stop at any time and keep what is there.", "empty"
)
MODELS = [("The default of this server", ""), *((f"{pack.name}: {pack.short}", pack.name) for pack in PACKS.values())]
NAMED = {"Best": "best", "Plain (“a photo of a …”)": "naive", "Only the name": "only_word", "Worst": "worst"}


@dataclass(frozen=True)
class Generating(Form):
    """The step's named components."""

    NEVER_DRAWN = ("images", "iterations", "seed", "variance", "text", "pack", "others", "estimate")

    prompt: gr.HTML
    images: gr.Slider
    iterations: gr.Slider
    seed: gr.Number
    variance: gr.Checkbox
    text: gr.Checkbox
    pack: gr.Dropdown
    others: gr.CheckboxGroup
    estimate: gr.HTML
    start: gr.Button
    more: gr.Button
    curve: gr.Plot
    said: gr.HTML
    generation: gr.Dropdown
    set: gr.Dropdown
    use: gr.Button
    hint: gr.HTML
    gallery: gr.Gallery
    out: gr.Button
    slider: gr.ImageSlider
    compared: gr.HTML
    next: gr.Button


def build(limits: Limits | None = None) -> Generating:
    """The step's page; a public server's limits end the sliders."""
    gr.Markdown(
        "### Generate images of good parts\nEach iteration adapts the generator to your photos, then makes a set. The set that "
        "fits the prompt best is used."
    )
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            settings = _settings(limits)
        with gr.Column(scale=3, min_width=280):
            curve = gr.Plot(show_label=False, elem_id="curve")
            said = gr.HTML(EMPTY, elem_id="curve-said")
    sets, pictures = _sets(), _pictures()
    compared = gr.HTML("", elem_id="comparison")
    next_ = gr.Button("Next: train the detector", variant="primary", interactive=False, elem_id="to-train")
    return Generating(**settings, curve=curve, said=said, **sets, **pictures, compared=compared, next=next_)


def _settings(limits: Limits | None) -> dict:
    """What is asked for, how long it takes, and the buttons that begin it."""
    most_images, most_iterations = (limits.images, limits.iterations) if limits else (100, 50)
    prompt = gr.HTML("", elem_id="generate-prompt")
    images = gr.Slider(1, most_images, value=min(20, most_images), step=1, label="Images in a set", elem_id="images")
    iterations = gr.Slider(
        1, most_iterations, value=min(5, most_iterations), step=1, label="Iterations", elem_id="iterations"
    )
    if limits:
        gr.HTML(note(limits.sets_line, "hint"), elem_id="limits-sets")
    with gr.Accordion("More choices", open=False):
        choices = _more_choices(limits)
    estimate = gr.HTML("", elem_id="estimate")
    with gr.Row():
        start = gr.Button("Start", variant="primary", elem_id="start-generate", interactive=False)
        more = gr.Button("Continue", elem_id="continue-generate", visible=False)
    return choices | dict(
        prompt=prompt, images=images, iterations=iterations, estimate=estimate, start=start, more=more
    )


def _more_choices(limits: Limits | None) -> dict:
    """What few people change."""
    seed = gr.Number(
        0, label="Seed", info="The same seed gives the same images.", precision=0, minimum=0, elem_id="seed"
    )
    variance = gr.Checkbox(
        True,
        label="Vary each place as much as your photos vary there",
        info="Off: the same variance everywhere (the paper's Eq. 2), for comparison.",
        elem_id="variance",
    )
    text = gr.Checkbox(
        True,
        label="Choose the set by the prompt",
        elem_id="text",
        info="The set most similar to the prompt is used. Off: the last set (the paper's “w/o text”).",
    )
    others = gr.CheckboxGroup(list(NAMED), label="Also generate for these prompts, to compare", elem_id="others")
    pack = gr.Dropdown(
        MODELS, value="", label="Models", elem_id="pack", visible=limits is None,
        info="paper and strong are fetched once (1.3 and 2.6 GB) where a network allows it.",
    )  # fmt: skip
    return dict(seed=seed, variance=variance, text=text, others=others, pack=pack)


def _sets() -> dict:
    """Which set is looked at, and whether it is used."""
    with gr.Row(equal_height=False, elem_id="set-row"):
        generation = gr.Dropdown([], label="Generation", elem_id="generation", visible=False, min_width=200)
        set_ = gr.Dropdown([], label="Set to look at", elem_id="set", visible=False, min_width=160)
        use = gr.Button("Use this set", elem_id="use-set", visible=False, min_width=140)
    hint = gr.HTML(note(HINT, "hint"), visible=False, elem_id="set-hint")
    return dict(generation=generation, set=set_, use=use, hint=hint)


def _pictures() -> dict:
    """The set's images, and one of them beside its photo."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=280):
            gallery = gr.Gallery(
                label="Generated images",
                show_label=False,
                columns=5,
                height=420,
                object_fit="contain",
                interactive=False,
                allow_preview=False,
                buttons=[],
                elem_id="set-gallery",
            )
        with gr.Column(scale=2, min_width=280):
            slider = gr.ImageSlider(
                label="Your photo and the generated image",
                show_label=False,
                elem_id="compare",
                interactive=False,
                buttons=["fullscreen"],
                max_height=380,
            )
            out = gr.Button("Exclude this image", size="sm", visible=False, elem_id="leave-out")
    return dict(gallery=gallery, slider=slider, out=out)
