"""Step 2, prompts: where things are on the page, and their names."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from tgvig_core.prompting.registry import outlier_rule, vocabulary
from tgvig_ui.widgets.form import Form
from tgvig_ui.widgets.html import note

HEADERS = ["prompt", "cosine", "distance", "relation", "kept", "why not"]
EMPTY = note("Type what the part is called and press “Find prompts”. It takes some seconds.", "empty")
LISTS = {vocabulary.title(name): name for name in vocabulary.names()}
RULES = {outlier_rule.title(name): name for name in outlier_rule.names()}


@dataclass(frozen=True)
class Prompting(Form):
    """The step's named components."""

    NEVER_DRAWN = ("words", "lists", "rule", "find")

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


def build() -> Prompting:
    """The step's page."""
    gr.Markdown(
        "### Describe the part\nThe prompt is a short sentence such as *a bottle with neck*. Later the generated "
        "images that fit it best are kept."
    )
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=280):
            question = _question()
        with gr.Column(scale=3, min_width=280):
            answer = _answer()
    plots = _plots()
    table = gr.Dataframe(
        headers=HEADERS,
        datatype=["str", "number", "number", "str", "str", "str"],
        interactive=False,
        show_search="search",
        max_height=360,
        label="All prompts (click a row to choose it)",
        elem_id="prompt-table",
        column_widths=["30%", "10%", "11%", "23%", "8%", "18%"],
    )
    gr.HTML(
        note(
            "Cosine: how well a prompt fits the photos, 1 would be perfect. Distance: the same as a length, 0 would be "
            "perfect; prompts that are too far away are excluded. The ⋮ of a column sorts by it.",
            "hint",
        )
    )
    csv = gr.DownloadButton("Download the whole ranking (CSV)", size="sm", visible=False, elem_id="ranking-csv")
    next_ = gr.Button("Next: generate images", variant="primary", interactive=False, elem_id="to-generate")
    return Prompting(**question, **answer, **plots, table=table, csv=csv, next=next_)


def _question() -> dict:
    """The part's name, and where words for it come from."""
    name = gr.Textbox(label="Name of the part", placeholder="metal nut", elem_id="object-name", max_length=80)
    words = gr.Textbox(
        label="Your own words for the part (optional, separated by commas)",
        placeholder="steel, thread, hole",
        elem_id="own-words",
    )
    with gr.Accordion("More choices", open=False):
        lists = gr.Radio(list(LISTS), value=next(iter(LISTS)), label="Vocabulary", elem_id="lists")
        rule = gr.Radio(list(RULES), value=next(iter(RULES)), label="Which prompts are excluded", elem_id="rule")
    find = gr.Button("Find prompts", variant="primary", elem_id="find-prompts")
    sense = gr.Dropdown(
        [],
        label="Meaning",
        visible=False,
        elem_id="sense",
        info="The first one fits your photos best. Choose another one and the prompts are ranked again.",
    )
    return dict(name=name, words=words, lists=lists, rule=rule, find=find, sense=sense)


def _answer() -> dict:
    """The prompt that is used, and what is known of it."""
    about = gr.HTML(EMPTY, elem_id="ranking-about")
    prompt = gr.Textbox(
        label="Prompt to use",
        info="The best one is filled in. Click another one below, or type your own.",
        elem_id="prompt",
        max_length=300,
    )
    detail = gr.HTML("", elem_id="prompt-detail")
    return dict(about=about, prompt=prompt, detail=detail)


def _plots() -> dict:
    """The ranking in three pictures."""
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
    return dict(bars=bars, map=map_, photo_bars=photo_bars)
