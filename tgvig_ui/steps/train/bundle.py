"""Step 4, the detector as a bundle: which formats, the ZIP to download, its audit report, and the commands that use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr

from tgvig_core.bundles.wishes import missing
from tgvig_core.utils.errors import TgvigError
from tgvig_ui.gradio_compat import address_of
from tgvig_ui.jobs.arguments import Export
from tgvig_ui.jobs.server import Server, bound
from tgvig_ui.parts.bundles import Made, made_of
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.trained import model_card
from tgvig_ui.security.visitors import Limits
from tgvig_ui.widgets.form import PRIVATE, Form
from tgvig_ui.widgets.html import note

FORMATS = {
    "ONNX (most runtimes and languages)": "onnx",
    "OpenVINO (Intel processors)": "openvino",
    "torch (Python, as trained here)": "torch",
}
PURPOSE = (
    "### Take it home\nA bundle is one ZIP file with everything that another computer needs to inspect photos with this "
    "detector: the model, how a photo is prepared, the threshold and what it means, checksums, licences, and an audit report "
    "that says what was learned from and what would be missed."
)
UNTRAINED = note("Train a detector first.", "empty")
UNMADE = note("No bundle yet. Making one takes about a minute.", "empty")
SHOW = "() => { setTimeout(() => document.getElementById('take-home')?.scrollIntoView({block: 'start'}), 400); }"


@dataclass(frozen=True)
class TakingHome(Form):
    """The named components."""

    NEVER_DRAWN = ("formats", "normals")

    formats: gr.CheckboxGroup
    normals: gr.Checkbox
    make: gr.Button
    said: gr.HTML
    has_bundle: gr.Column
    download: gr.DownloadButton
    report: gr.HTML
    use: gr.HTML


def build(limits: Limits | None = None) -> TakingHome:
    """The section below the check; a public server's visitors are not told to install anything."""
    gr.Markdown(PURPOSE, elem_id="take-home")
    here = [(label, name) for label, name in FORMATS.items() if not missing(name)]
    formats = gr.CheckboxGroup(here, value=[name for _, name in here], label="Formats", elem_id="bundle-formats")
    unavailable = "".join(note(text, "hint") for text in lacking(public=limits is not None))
    gr.HTML(unavailable, elem_id="bundle-lacking", visible=bool(unavailable))
    normals = gr.Checkbox(
        label="Include the reference photos", elem_id="bundle-normals",
        info="Then the run can be repeated from the bundle alone. The audit report shows small pictures of them either way.",
    )  # fmt: skip
    make = gr.Button("Make the bundle", elem_id="bundle-make", interactive=False)
    said = gr.HTML(UNTRAINED, elem_id="bundle-said")
    with gr.Column(visible=False, elem_id="bundle") as has_bundle:
        with gr.Row():
            download = gr.DownloadButton("Download the bundle (ZIP)", variant="primary", elem_id="bundle-download")
            report = gr.HTML("", elem_id="bundle-report", padding=False)
        use = gr.HTML("", elem_id="bundle-use")
    return TakingHome(formats, normals, make, said, has_bundle, download, report, use)


def link() -> gr.Button:
    """The way to the section from step 5."""
    return gr.Button("Take this detector home (step 4)", size="sm", elem_id="to-take-home")


def lacking(public: bool = False) -> list[str]:
    """A sentence for each format that cannot be made here, with the command that brings what it needs.

    Args:
        public: for visitors, who cannot install anything here.
    """
    sentences = []
    for label, name in FORMATS.items():
        if lack := missing(name):
            remedy = "`make app` on your own computer has it." if public else f"To get it: pip install {' '.join(lack)}"
            sentences.append(f"{label.split(' (')[0]} is not available here. {remedy}")
    return sentences


def wire(server: Server, section: TakingHome, part_id: gr.State) -> list:
    """Make. Returns the events, after which the page redraws."""
    asked = [part_id, section.formats, section.normals]
    return [section.make.click(bound(server, make), asked, None, **PRIVATE)]


def make(server: Server, id: str, formats: Sequence[str], normals: bool) -> None:
    """Queue the bundle of the shown generation's detector, with the threshold as it stands."""
    part = server.part(id)
    number = part.choices.generation
    if number is None or not model_card(part):
        raise TgvigError("There is no detector yet: train one first.")
    if not formats:
        raise TgvigError("No format is chosen: choose at least one.")
    server.submit(part, "export", Export(number, tuple(formats), bool(normals), part.choices.threshold))


def token(part: Part | None) -> list:
    """Changes when `show` would show something else."""
    if part is None:
        return []
    return [part.id, bool(model_card(part)), made_of(part)]


def show(section: TakingHome, part: Part | None) -> dict:
    """New values of the components."""
    ready, made = bool(model_card(part)), made_of(part)
    words = "Make the bundle again" if made else "Make the bundle"
    shown = {section.make: gr.Button(words, interactive=ready), section.has_bundle: gr.Column(visible=bool(made))}
    if not made:
        return shown | {
            section.said: gr.HTML(UNMADE if ready else UNTRAINED, visible=True),
            section.download: None, section.report: "", section.use: "",
        }  # fmt: skip
    return shown | {
        section.said: gr.HTML(note(made.outdated, "warn"), visible=bool(made.outdated)),
        section.download: str(made.file),
        section.report: _link(made),
        section.use: _use(made),
    }


def _link(made: Made) -> str:
    return (
        f'<a class="tg-link" href="{address_of(made.report)}" target="_blank" rel="noopener">Open the audit report</a>'
    )


def _use(made: Made) -> str:
    """What it is, and how to use it elsewhere."""
    inside = ", ".join([*made.formats, *(["the good photos"] if made.with_normals else [])])
    name = made.file.name
    about = f"{name}, {made.bytes / 1e6:.1f} MB, with {inside}."
    commands = f"tgvig inspect {name} PHOTOS --out DIR\ntgvig serve {name}"
    how = note("Inspect photos with it, or serve it to other programs over HTTP:", "hint")
    sha = f'<p class="tg-small">SHA-256 <code>{made.sha256}</code></p>'
    lacking = note(made.lacking, "hint") if made.lacking else ""
    return f'{note(about)}{lacking}{sha}{how}<pre class="tg-code">{escape(commands)}</pre>'
