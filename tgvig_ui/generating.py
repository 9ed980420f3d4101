"""Step 3, generation: more good images in iterations, their similarity to the prompt, and the set that is used (Eq. 2 to 7)."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from tgvig_ui import figures
from tgvig_ui.generations import best_of, comparison, pictures, set_files, settings_of, similarity, square, unfinished
from tgvig_ui.plot_style import empty
from tgvig_ui.store import Part
from tgvig_ui.thumbs import thumb
from tgvig_ui.words import note

WAIT = "The first set appears here after about a minute"
EMPTY = note(
    "No images yet. Set how many you want and press Start; you can stop at any time and keep what is there.", "empty"
)
MODELS = [("As the server was started", ""), ("embedded: small, offline", "embedded"), ("paper: CLIP, VQGAN f16", "paper"),
          ("strong: larger CLIP, VQGAN f16 with 16384 codes", "strong")]  # fmt: skip
NAMED = {"Best": "best", "Plain (“a photo of a …”)": "naive", "Only the name": "only_word", "Worst": "worst"}


@dataclass(frozen=True)
class Generating:
    """The step's named components."""

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

    def shown(self) -> list:
        """What `show` may fill."""
        return [
            self.prompt,
            self.start,
            self.more,
            self.curve,
            self.said,
            self.generation,
            self.set,
            self.use,
            self.hint,
            self.gallery,
            self.out,
            self.slider,
            self.compared,
            self.next,
        ]


def build() -> Generating:
    """The step's page."""
    gr.Markdown(
        "### Generate good images\nEach iteration adapts the generator to your photos, then makes a set. The set that fits "
        "the prompt best is used."
    )
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            prompt = gr.HTML("", elem_id="generate-prompt")
            images = gr.Slider(1, 100, value=20, step=1, label="Images in a set", elem_id="images")
            iterations = gr.Slider(1, 50, value=5, step=1, label="Iterations", elem_id="iterations")
            with gr.Accordion("More choices", open=False):
                seed = gr.Number(
                    0, label="Seed", info="The same seed gives the same images.", precision=0, minimum=0, elem_id="seed"
                )
                variance = gr.Checkbox(
                    True,
                    label="Vary the images as much as your photos and their views vary",
                    info="Off: the same spread everywhere, as a comparison (the paper's Eq. 2).",
                    elem_id="variance",
                )
                text = gr.Checkbox(
                    True,
                    label="Take the set that fits the prompt best",
                    elem_id="text",
                    info="Off: take the last set (the paper's “w/o text”).",
                )
                others = gr.CheckboxGroup(
                    list(NAMED), label="Also generate for these prompts, to compare", elem_id="others"
                )
                pack = gr.Dropdown(
                    MODELS, value="", label="Models", elem_id="pack",
                    info="paper and strong are fetched once (1.3 and 2.6 GB) where a network allows it.",
                )  # fmt: skip
            estimate = gr.HTML("", elem_id="estimate")
            with gr.Row():
                start = gr.Button("Start", variant="primary", elem_id="start-generate", interactive=False)
                more = gr.Button("Continue", elem_id="continue-generate", visible=False)
        with gr.Column(scale=3, min_width=280):
            curve = gr.Plot(show_label=False, elem_id="curve")
            said = gr.HTML(EMPTY, elem_id="curve-said")
    with gr.Row(equal_height=False, elem_id="set-row"):
        generation = gr.Dropdown([], label="Generation", elem_id="generation", visible=False, min_width=200)
        set_ = gr.Dropdown([], label="Set to look at", elem_id="set", visible=False, min_width=160)
        use = gr.Button("Use this set", elem_id="use-set", visible=False, min_width=140)
    hint = gr.HTML(
        note("Click an image to see it over the photo it was drawn from.", "hint"), visible=False, elem_id="set-hint"
    )
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
            out = gr.Button("Leave this image out", size="sm", visible=False, elem_id="leave-out")
    compared = gr.HTML("", elem_id="comparison")
    next_ = gr.Button("Next: train the detector", variant="primary", interactive=False, elem_id="to-train")
    return Generating(
        prompt,
        images,
        iterations,
        seed,
        variance,
        text,
        pack,
        others,
        estimate,
        start,
        more,
        curve,
        said,
        generation,
        set_,
        use,
        hint,
        gallery,
        out,
        slider,
        compared,
        next_,
    )


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
