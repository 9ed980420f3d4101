"""Step 2, prompts, as it is drawn: words that describe the part, ranked by the photos (Eq. 1, Fig. 7)."""

from __future__ import annotations

from html import escape
from types import SimpleNamespace

import gradio as gr

from tgvig_ui.charts import prompts_and_sets
from tgvig_ui.charts.style import empty
from tgvig_ui.jobs.models import ranking
from tgvig_ui.parts.photo_names import own_names
from tgvig_ui.parts.store import Part, read_json
from tgvig_ui.steps.prompt.layout import EMPTY, Prompting
from tgvig_ui.widgets.html import note

RELATIONS = {
    "synonym": "another name for it", "hypernym": "more general (hypernym)", "hyponym": "more special (hyponym)",
    "part": "a part of it", "whole": "what it is a part of", "substance": "what it is made of",
    "member": "a member of it", "given": "your own word", "modifier": "from the name itself", "comparison": "a comparison",
    "wordnet": "from all of WordNet", "words": "from Webster's dictionary",
}  # fmt: skip
"""How a word is related to the part's name, or where else it comes from, in plain words."""


def token(part: Part | None) -> list:
    """Changes when `show` would show something else."""
    if part is None:
        return []
    file = part.folder / "ranking.json"
    return [part.id, file.stat().st_mtime_ns if file.exists() else 0, part.choices.prompt, part.choices.object_name]


def show(step: Prompting, part: Part | None) -> dict:
    """New values of the step's components."""
    found = ranking(part) if part else None
    choices = part.choices if part else None
    if not found:
        nothing = empty("No prompts ranked yet")
        return {
            step.name: choices.object_name if choices else "", step.sense: gr.Dropdown(visible=False), step.about: EMPTY,
            step.prompt: "", step.detail: "", step.photo_bars: empty("Choose a prompt"), step.bars: nothing,
            step.map: nothing, step.table: [], step.csv: gr.DownloadButton(visible=False),
            step.next: gr.Button(interactive=False),
        }  # fmt: skip
    senses = [
        (f"{entry['synset'].split('.')[0].replace('_', ' ')}: {entry['definition']}", entry["synset"])
        for entry in found["senses"]
    ]
    chosen = next((p for p in found["prompts"] if p["text"] == choices.prompt), None)
    return {
        step.name: choices.object_name,
        step.sense: gr.Dropdown(senses, value=found["sense"], visible=len(senses) > 0),
        step.about: note(found["lookup"]) + note(found["caveat"], "warn") + note(_count(found), "hint"),
        step.prompt: choices.prompt,
        step.detail: _detail(chosen, found),
        step.photo_bars: _photo_bars(part, chosen),
        step.bars: prompts_and_sets.prompt_bars(
            [SimpleNamespace(**p) for p in found["prompts"]], chosen=choices.prompt
        ),
        step.map: _map(part, choices.prompt),
        step.table: [_table_row(p) for p in found["prompts"]],
        step.csv: gr.DownloadButton(value=str(part.folder / "prompts.csv"), visible=True),
        step.next: gr.Button(interactive=bool(choices.prompt)),
    }


def _table_row(prompt: dict) -> list:
    kept, why = ("yes", "") if prompt["kept"] else ("no", prompt["reason"])
    cosine, distance, relation = round(prompt["score"], 3), round(prompt["distance"], 3), RELATIONS[prompt["relation"]]
    return [prompt["text"], cosine, distance, relation, kept, why]


def _map(part: Part, chosen: str):
    found = read_json(part.folder / "prompt_map.json")
    return (
        prompts_and_sets.prompt_map(found, chosen=chosen) if found else empty("Not there: press “Find prompts” again")
    )


def _photo_bars(part: Part, chosen: dict | None):
    names = list(own_names(part.photos()).values())
    if chosen is None:
        return empty("Only prompts of the list are compared photo by photo; yours is used as you wrote it")
    if len(names) != len(chosen["photos"]):
        return empty("The photos have changed: press “Find prompts” to compare them again")
    return prompts_and_sets.photo_bars(names, chosen["photos"], chosen["text"])


def _count(found: dict) -> str:
    listed = (
        f", the first {len(found['prompts'])} of them listed below" if found["count"] > len(found["prompts"]) else ""
    )
    return f"{found['count']} prompts ranked by {found['encoder']}{listed}. {found['rule'][:1].upper()}{found['rule'][1:]}."


def _detail(chosen: dict | None, found: dict) -> str:
    """The chosen prompt's word: what it means and how it came here."""
    if chosen is None:
        return note("This is a prompt of your own.", "hint")
    best = " It fits your photos best (Eq. 1 of the paper)." if chosen["text"] == found["best"] else ""
    gloss = f" “{escape(chosen['gloss'])}.”" if chosen["gloss"] else ""
    kept = "" if chosen["kept"] else f" It was left out of the automatic choice: {escape(chosen['reason'])}."
    above = " › ".join(escape(name) for name in chosen.get("place", ()))
    where = f"<br>Its place in WordNet: {above}." if above else ""
    word, relation = escape(chosen["word"] or chosen["text"]), escape(RELATIONS[chosen["relation"]])
    return f'<div class="tg-hint"><b>{word}</b>: {relation}.{gloss}{best}{kept}{where}</div>'
