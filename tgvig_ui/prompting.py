"""Step 2, prompts: the object's name becomes words that describe the part, ranked by the photos (Eq. 1, Fig. 7)."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from types import SimpleNamespace

import gradio as gr

from tgvig_core.errors import TgvigError
from tgvig_ui import figures
from tgvig_ui.plot_style import empty
from tgvig_ui.server import Server, plain
from tgvig_ui.service import ranking
from tgvig_ui.store import Part, read_json
from tgvig_ui.words import note

HEADERS = ["prompt", "cosine", "distance", "relation", "kept", "why not"]
EMPTY = note("Type what the part is called and press “Find prompts”. It takes some seconds.", "empty")
LISTS = {
    "Words that WordNet relates to the name": "relations",
    "All of WordNet (147 000 words, minutes)": "wordnet",
    "Webster's dictionary (235 000 words, minutes)": "words",
}
RULES = {"Drop what lies apart from the others (robust)": "robust", "Drop above a distance of 0.5 (the paper)": "paper"}


@dataclass(frozen=True)
class Prompting:
    """The step's named components."""

    name: gr.Textbox
    words: gr.Textbox
    lists: gr.Radio
    rule: gr.Radio
    find: gr.Button
    sense: gr.Dropdown
    about: gr.HTML
    prompt: gr.Textbox
    detail: gr.HTML
    photo_bars: gr.Plot
    bars: gr.Plot
    map: gr.Plot
    table: gr.Dataframe
    csv: gr.DownloadButton
    next: gr.Button

    def shown(self) -> list:
        """What `show` may fill."""
        return [
            self.name,
            self.sense,
            self.about,
            self.prompt,
            self.detail,
            self.photo_bars,
            self.bars,
            self.map,
            self.table,
            self.csv,
            self.next,
        ]


def build() -> Prompting:
    """The step's page."""
    gr.Markdown(
        "### Describe the part\nThe prompt is a short sentence such as *a bottle with neck*. Later the generated "
        "images that fit it best are kept."
    )
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            name = gr.Textbox(
                label="What is the part called?", placeholder="metal nut", elem_id="object-name", max_length=80
            )
            words = gr.Textbox(
                label="Your own words for it (optional, separated by commas)",
                placeholder="steel, thread, hole",
                elem_id="own-words",
            )
            with gr.Accordion("More choices", open=False):
                lists = gr.Radio(
                    list(LISTS), value=next(iter(LISTS)), label="Where the words come from", elem_id="lists"
                )
                rule = gr.Radio(
                    list(RULES), value=next(iter(RULES)), label="Which prompts are left out", elem_id="rule"
                )
            find = gr.Button("Find prompts", variant="primary", elem_id="find-prompts")
            sense = gr.Dropdown(
                [],
                label="Which meaning?",
                visible=False,
                elem_id="sense",
                info="The first one fits your photos best. Choose another one and the prompts are ranked again.",
            )
        with gr.Column(scale=3, min_width=280):
            about = gr.HTML(EMPTY, elem_id="ranking-about")
            prompt = gr.Textbox(
                label="Prompt to use",
                info="The best one is filled in. Click another one below, or type your own.",
                elem_id="prompt",
                max_length=300,
            )
            detail = gr.HTML("", elem_id="prompt-detail")
    with gr.Tabs(elem_id="ranking-tabs"):
        with gr.Tab("Best prompts"):
            bars = gr.Plot(show_label=False, elem_id="prompt-bars")
        with gr.Tab("Map of prompts and photos"):
            map_ = gr.Plot(show_label=False, elem_id="prompt-map")
            gr.HTML(
                note(
                    "Prompts and photos as the encoder sees them, flattened to two axes (PCA; the paper's Fig. 7). "
                    "What lies close together is alike.",
                    "hint",
                )
            )
        with gr.Tab("Chosen prompt, photo by photo"):
            photo_bars = gr.Plot(show_label=False, elem_id="photo-bars")
    table = gr.Dataframe(
        headers=HEADERS,
        datatype=["str", "number", "number", "str", "str", "str"],
        interactive=False,
        show_search="search",
        max_height=360,
        label="All prompts (click a row to choose it)",
        elem_id="prompt-table",
        column_widths=["34%", "12%", "12%", "14%", "8%", "20%"],
    )
    csv = gr.DownloadButton("Download the whole ranking (CSV)", size="sm", visible=False, elem_id="ranking-csv")
    next_ = gr.Button("Next: generate good images", variant="primary", interactive=False, elem_id="to-generate")
    return Prompting(
        name, words, lists, rule, find, sense, about, prompt, detail, photo_bars, bars, map_, table, csv, next_
    )


def wire(server: Server, step: Prompting, part_id: gr.State) -> list:
    """Find, choose a meaning, choose a prompt. Returns the events, after which the page redraws."""

    def ask(id: str, sense: str | None, name: str, words: str, lists: str, rule: str) -> None:
        part = server.part(id)
        if not part.photos():
            raise TgvigError("There are no photos yet: add 1 to 5 photos of good parts in step 1.")
        from tgvig_core.vocabulary import clean_name

        given = tuple(word.strip() for word in words.split(",") if word.strip())
        part.choose(object_name=clean_name(name), words=given, vocabulary=LISTS[lists], rule=RULES[rule], sense=sense)
        server.submit(part, "rank")

    @plain
    def find(id: str, name: str, words: str, lists: str, rule: str) -> None:
        ask(id, None, name, words, lists, rule)

    @plain
    def another(id: str, sense: str, name: str, words: str, lists: str, rule: str) -> None:
        ask(id, sense, name, words, lists, rule)

    @plain
    def pick(id: str, event: gr.SelectData) -> None:
        server.part(id).choose(prompt=str(event.row_value[0]))

    @plain
    def write(id: str, text: str) -> None:
        if not text.strip():
            return  # left empty while another one is being looked for
        server.part(id).choose(prompt=" ".join(text.split()))

    private = {"api_visibility": "private", "show_progress": "hidden"}
    words = [step.name, step.words, step.lists, step.rule]
    return [
        step.find.click(find, [part_id, *words], None, **private),
        step.name.submit(find, [part_id, *words], None, **private),
        step.sense.input(another, [part_id, step.sense, *words], None, **private),
        step.table.select(pick, [part_id], None, **private),
        step.prompt.blur(write, [part_id, step.prompt], None, **private),
        step.prompt.submit(write, [part_id, step.prompt], None, **private),
    ]


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
        step.bars: figures.prompt_bars([SimpleNamespace(**p) for p in found["prompts"]], chosen=choices.prompt),
        step.map: _map(part, choices.prompt),
        step.table: [_table_row(p) for p in found["prompts"]],
        step.csv: gr.DownloadButton(value=str(part.folder / "prompts.csv"), visible=True),
        step.next: gr.Button(interactive=bool(choices.prompt)),
    }


def _table_row(prompt: dict) -> list:
    kept, why = ("yes", "") if prompt["kept"] else ("no", prompt["reason"])
    return [prompt["text"], round(prompt["score"], 3), round(prompt["distance"], 3), prompt["relation"], kept, why]


def _map(part: Part, chosen: str):
    found = read_json(part.folder / "prompt_map.json")
    return figures.prompt_map(found, chosen=chosen) if found else empty("Not there: press “Find prompts” again")


def _photo_bars(part: Part, chosen: dict | None):
    names = [path.name[5:] for path in part.photos()]
    if chosen is None or len(names) != len(chosen["photos"]):
        return empty("Not compared yet: press “Find prompts”")
    return figures.photo_bars(names, chosen["photos"], chosen["text"])


def _count(found: dict) -> str:
    listed = (
        f", the first {len(found['prompts'])} of them listed below" if found["count"] > len(found["prompts"]) else ""
    )
    return f"{found['count']} prompts ranked by {found['encoder']}{listed}. {found['rule'][:1].upper()}{found['rule'][1:]}."


def _detail(chosen: dict | None, found: dict) -> str:
    """The chosen prompt's word: what it means and how it came here."""
    if chosen is None:
        return note("This is a prompt of your own.", "hint")
    best = " It is the best one by Eq. 1." if chosen["text"] == found["best"] else ""
    gloss = f" “{escape(chosen['gloss'])}.”" if chosen["gloss"] else ""
    kept = "" if chosen["kept"] else f" It was left out of the automatic choice: {escape(chosen['reason'])}."
    place = (
        f" ({escape(chosen['relation'])} of the name in WordNet)"
        if chosen["relation"] not in ("given", "modifier")
        else ""
    )
    above = " › ".join(escape(name) for name in found.get("ancestors", ()))
    where = f"<br>The name in WordNet: {above}." if above else ""
    return f'<div class="tg-hint"><b>{escape(chosen["word"])}</b>{place}.{gloss}{best}{kept}{where}</div>'
