"""Step 4, detector: which images it learns from, how many false alarms are wished, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from tgvig_core.errors import TgvigError
from tgvig_ui.forms import Form
from tgvig_ui.server import Server, plain
from tgvig_ui.store import Part, read_json
from tgvig_ui.words import note

ARMS = {
    "Photos and generated images": "tgvig",
    "Photos and plain copies (slightly moved, turned, lit)": "augment",
    "Photos only": "real",
}
BACKBONES = [
    ("As the models in use", ""),
    ("EfficientNet-Lite0 (always on this machine)", "embedded"),
    ("ResNet-18, the paper's (45 MB, fetched once)", "paper"),
    ("DINOv2-S (84 MB, fetched once)", "strong"),
]
"""What PatchCore looks with; the values are the packs that bring it."""
EMPTY = note("No detector yet. Training takes some seconds once images are generated.", "empty")


@dataclass(frozen=True)
class Training(Form):
    """The step's named components."""

    NEVER_DRAWN = ("arm", "rate", "backbone")

    arm: gr.Radio
    rate: gr.Slider
    backbone: gr.Dropdown
    train: gr.Button
    result: gr.HTML
    next: gr.Button


def build() -> Training:
    """The step's page."""
    gr.Markdown(
        "### Train the detector\nPatchCore remembers small patches of good images. A photo's score is the distance of its "
        "strangest patch to the nearest remembered one: larger is stranger, and there is no upper end."
    )
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            arm = gr.Radio(list(ARMS), value=next(iter(ARMS)), label="What it learns from", elem_id="arm")
            rate = gr.Slider(
                1,
                30,
                value=5,
                step=1,
                label="Good parts that may be rejected by mistake, %",
                elem_id="false-alarm",
                info="The threshold is set for this rate. From few photos it can only be met roughly.",
            )
            with gr.Accordion("More choices", open=False):
                backbone = gr.Dropdown(
                    BACKBONES,
                    value="",
                    label="Detector: PatchCore on the features of",
                    elem_id="backbone",
                    info="The network that turns a photo into the features PatchCore compares.",
                )
            train = gr.Button("Train", variant="primary", elem_id="train", interactive=False)
        with gr.Column(scale=3, min_width=280):
            result = gr.HTML(EMPTY, elem_id="train-result")
    next_ = gr.Button("Next: inspect photos", variant="primary", interactive=False, elem_id="to-inspect")
    return Training(arm, rate, backbone, train, result, next_)


def wire(server: Server, step: Training, part_id: gr.State) -> list:
    """Train. Returns the events, after which the page redraws."""

    @plain
    def train(id: str, arm: str, rate: float, backbone: str) -> None:
        part = server.part(id)
        choices = part.choices
        if choices.generation is None or not choices.chosen_set:
            raise TgvigError("There are no generated images yet: generate at least one set in step 3.")
        # all of it as it is now: the job may wait in the queue while the person looks at other sets
        images = {"generation": choices.generation, "set": choices.chosen_set, "left_out": list(choices.left_out)}
        asked = {"arm": ARMS[arm], "false_alarm": rate / 100, "backbone": backbone}
        server.submit(part, "train", images | asked)

    private = {"api_visibility": "private", "show_progress": "hidden"}
    return [step.train.click(train, [part_id, step.arm, step.rate, step.backbone], None, **private)]


def model_card(part: Part | None) -> dict | None:
    """What training left beside the detector of the chosen generation."""
    number = part.choices.generation if part else None
    return None if number is None else read_json(part.generation(number) / "model" / "model.json")


def token(part: Part | None) -> list:
    """Changes when `show` would show something else."""
    if part is None:
        return []
    number = part.choices.generation
    file = part.generation(number) / "model" / "model.json" if number else None
    return [part.id, number, part.choices.chosen_set, file.stat().st_mtime_ns if file and file.exists() else 0]


def show(step: Training, part: Part | None) -> dict:
    """New values of the step's components."""
    ready = bool(part and part.choices.chosen_set)
    card = model_card(part)
    if not card:
        text = EMPTY if ready else note("Generate at least one set of images in step 3 first.", "empty")
        return {step.result: text, step.train: gr.Button(interactive=ready), step.next: gr.Button(interactive=False)}
    about = card["calibration"]
    learned = {
        "tgvig": f"the photos and generated set {card['best_iteration']}",
        "augment": "the photos and plain copies",
        "real": "the photos only",
    }[card["arm"]]
    if card["arm"] == "tgvig" and card["left_out"]:
        learned += f" without the {len(card['left_out'])} you left out"
    seen = f"PatchCore on the features of {card['backbone']} ({', '.join(card['layers'])})."
    text = f"Trained on {learned}. Scores above {about['threshold']:.2f} are called anomalous. {about['words']}"
    lift = card["lift"]["words"] if card["arm"] != "real" else ""
    said, again = note(text) + note(f"{seen} {lift}", "hint"), gr.Button("Train again", interactive=ready)
    return {step.result: said, step.train: again, step.next: gr.Button(interactive=True)}
