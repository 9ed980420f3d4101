"""Step 4, detector: which images it learns from, how many false alarms are wished, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from tgvig_core.detectors.registry import detector as detectors
from tgvig_core.fitting import training_sets
from tgvig_core.packs.registry import PACKS
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.jobs.arguments import Train
from tgvig_ui.jobs.begin_generations import Asked, begin
from tgvig_ui.jobs.server import Server, bound
from tgvig_ui.parts import outlier_photos
from tgvig_ui.parts.generations import settings_of
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.trained import model_card
from tgvig_ui.security.visitors import Limits
from tgvig_ui.steps.train import words
from tgvig_ui.widgets.form import PRIVATE, Form
from tgvig_ui.widgets.html import note

ARMS = {kind.choice: name for name, kind in reversed(training_sets.KINDS.items()) if kind.choice}
DETECTORS = {detectors.title(name): name for name in detectors.names()}
BACKBONES = [("The default of the models in use", ""), *((pack.backbone_title, pack.name) for pack in PACKS.values())]
"""What PatchCore looks with; the values are the packs that bring it."""
EMPTY = note("No detector yet. Training takes some seconds.", "empty")
NO_IMAGES = "There are no generated images yet: generate a set in step 3, or train on the photos only."
UNCHOSEN = "Nothing is chosen under “Training set”: choose one of the three, then train."
RECOMMENDED = "Trained on the set that the check below recommended. To train again, choose a training set above."


@dataclass(frozen=True)
class Training(Form):
    """The step's named components."""

    NEVER_DRAWN = ("arm", "detector", "rate", "backbone")

    arm: gr.Radio
    detector: gr.Radio
    rate: gr.Slider
    backbone: gr.Dropdown
    train: gr.Button
    result: gr.HTML
    next: gr.Button


def build(limits: Limits | None = None) -> Training:
    """The step's page; a public server fetches no other network than its own."""
    gr.Markdown(
        "### Train the detector\nPatchCore remembers small patches of good images. A photo's score is the largest "
        "distance of one of its patches to the nearest remembered one: larger is more anomalous, and there is no upper end."
    )
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            arm = gr.Radio(list(ARMS), value=next(iter(ARMS)), label="Training set", elem_id="arm")
            detector = gr.Radio(
                list(DETECTORS),
                value=next(iter(DETECTORS)),
                label="Detector",
                elem_id="detector",
            )
            rate = gr.Slider(
                1,
                30,
                value=5,
                step=1,
                label="Target false-alarm rate, %",
                elem_id="false-alarm",
                info="The share of good parts that may be reported as anomalous. From few photos it can only be met roughly.",
            )
            with gr.Accordion("More choices", open=False, visible=limits is None):
                backbone = gr.Dropdown(
                    BACKBONES,
                    value="",
                    label="Features (backbone network)",
                    elem_id="backbone",
                    info="The network whose features PatchCore compares.",
                )
            train = gr.Button("Train", variant="primary", elem_id="train", interactive=False)
        with gr.Column(scale=3, min_width=280):
            result = gr.HTML(EMPTY, elem_id="train-result")
    next_ = gr.Button("Next: inspect photos", variant="primary", interactive=False, elem_id="to-inspect")
    return Training(arm, detector, rate, backbone, train, result, next_)


def wire(server: Server, step: Training, part_id: gr.State) -> list:
    """Train. Returns the events, after which the page redraws."""
    asked = [part_id, step.arm, step.detector, step.rate, step.backbone]
    return [step.train.click(bound(server, train), asked, None, **PRIVATE)]


def train(server: Server, id: str, arm: str | None, detector: str, rate: float, backbone: str) -> None:
    """Queue the training; without generated images the photos as they are now are enough."""
    if arm is None:
        raise TgvigError(UNCHOSEN)
    part = server.part(id)
    if server.limits:
        server.limits.check_models(backbone)
    choices = part.choices
    # all of it as it is now: the job may wait in the queue while the person looks at other sets
    images = {"set": choices.chosen_set, "left_out": list(choices.left_out)}
    asked = images | {
        "arm": ARMS[arm],
        "detector": DETECTORS[detector],
        "false_alarm": rate / 100,
        "backbone": backbone,
    }
    generated = asked["arm"] == "tgvig"
    if generated and not choices.chosen_set:
        raise TgvigError(NO_IMAGES)
    if not part.photos():
        raise TgvigError("There are no photos yet: add at least one in step 1.")
    if generated or _of_these_photos(part):
        server.submit(part, "train", Train(**{"generation": choices.generation} | asked))
    else:
        begin(server, part, [None], Asked(), "train", **asked)


def _of_these_photos(part: Part) -> bool:
    """Whether the shown generation was begun with the photos that the part has now."""
    number = part.choices.generation
    return number is not None and settings_of(part, number).photos == tuple(map(str, part.photos()))


def token(part: Part | None) -> list:
    """Changes when `show` would show something else."""
    if part is None:
        return []
    number = part.choices.generation
    file = part.generation(number) / "model" / "model.json" if number else None
    return [
        part.id,
        number,
        part.choices.chosen_set,
        *outlier_photos.token(part),
        file.stat().st_mtime_ns if file and file.exists() else 0,
    ]


def show(step: Training, part: Part | None) -> dict:
    """New values of the step's components."""
    ready = bool(part and part.photos())
    card = model_card(part)
    if part is None or not card:
        text = EMPTY if part is None or not ready or part.choices.chosen_set else note(NO_IMAGES, "empty")
        return {step.result: text, step.train: gr.Button(interactive=ready), step.next: gr.Button(interactive=False)}
    outliers = "".join(note(f"{one.text} Step 1 shows where.", "warn") for one in outlier_photos.outliers(part))
    recommended = "" if str(card.training_set) in ARMS.values() else note(RECOMMENDED, "hint")
    said = note(words.trained(card)) + outliers + recommended + note(words.how(card), "hint")
    again = gr.Button("Train again", interactive=ready)
    return {step.result: said, step.train: again, step.next: gr.Button(interactive=True)}
