"""Step 2, prompts, as it is drawn: words that describe the part, ranked by the photos (Eq. 1, Fig. 7)."""

from __future__ import annotations

import gradio as gr

from tgvig_ui.charts import prompts_and_sets
from tgvig_ui.charts.style import empty
from tgvig_ui.parts.json_files import read_json
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.photo_names import own_names
from tgvig_ui.parts.ranking import CSV, FILE, MAP, ListedPrompt, ranking
from tgvig_ui.steps.prompt import words
from tgvig_ui.steps.prompt.layout import EMPTY, Prompting
from tgvig_ui.widgets.html import note


def token(part: Part | None) -> list:
    """Changes when `show` would show something else."""
    if part is None:
        return []
    file = part.folder / FILE
    return [part.id, file.stat().st_mtime_ns if file.exists() else 0, part.choices.prompt, part.choices.object_name]


def show(step: Prompting, part: Part | None) -> dict:
    """New values of the step's components."""
    found = ranking(part) if part else None
    choices = part.choices if part else None
    if part is None or choices is None or found is None:
        nothing = empty("No prompts ranked yet")
        return {
            step.name: choices.object_name if choices else "", step.sense: gr.Dropdown(visible=False), step.about: EMPTY,
            step.prompt: "", step.detail: "", step.photo_bars: empty("Choose a prompt"), step.bars: nothing,
            step.map: nothing, step.table: [], step.csv: gr.DownloadButton(visible=False),
            step.next: gr.Button(interactive=False),
        }  # fmt: skip
    senses = [(sense.title, sense.synset) for sense in found.senses]
    chosen = found.prompt(choices.prompt)
    return {
        step.name: choices.object_name,
        step.sense: gr.Dropdown(senses, value=found.sense, visible=len(senses) > 0),
        step.about: note(found.lookup) + note(found.caveat, "warn") + note(words.counted(found), "hint"),
        step.prompt: choices.prompt,
        step.detail: words.about_prompt(chosen, found),
        step.photo_bars: _photo_bars(part, chosen),
        step.bars: prompts_and_sets.prompt_bars(found.prompts, chosen=choices.prompt),
        step.map: _map(part, choices.prompt),
        step.table: [_table_row(p) for p in found.prompts],
        step.csv: gr.DownloadButton(value=str(part.folder / CSV), visible=True),
        step.next: gr.Button(interactive=bool(choices.prompt)),
    }


def _table_row(prompt: ListedPrompt) -> list:
    kept, why = ("yes", "") if prompt.kept else ("no", prompt.reason)
    cosine, distance, relation = round(prompt.score, 3), round(prompt.distance, 3), words.RELATIONS[prompt.relation]
    return [prompt.text, cosine, distance, relation, kept, why]


def _map(part: Part, chosen: str):
    found = read_json(part.folder / MAP)
    return (
        prompts_and_sets.prompt_map(found, chosen=chosen) if found else empty("Not there: press “Find prompts” again")
    )


def _photo_bars(part: Part, chosen: ListedPrompt | None):
    names = list(own_names(part.photos()).values())
    if chosen is None:
        return empty("Only prompts of the list are compared photo by photo; yours is used as you wrote it")
    if len(names) != len(chosen.photos):
        return empty("The photos have changed: press “Find prompts” to compare them again")
    return prompts_and_sets.photo_bars(names, chosen.photos, chosen.text)
