"""What happens in step 2: find prompts, choose a meaning of the name, choose a prompt or write one."""

from __future__ import annotations

from functools import partial

import gradio as gr

from tgvig_core.utils.errors import TgvigError
from tgvig_ui.jobs.server import Server, bound
from tgvig_ui.steps.prompt.layout import LISTS, RULES, Prompting
from tgvig_ui.widgets.form import PRIVATE


def wire(server: Server, step: Prompting, part_id: gr.State) -> list:
    """Find, choose a meaning, choose a prompt. Returns the events, after which the page redraws."""
    on = partial(bound, server)
    words = [step.name, step.words, step.lists, step.rule]
    finding, writing = on(find), on(write)
    return [
        step.find.click(finding, [part_id, *words], None, **PRIVATE),
        step.name.submit(finding, [part_id, *words], None, **PRIVATE),
        step.sense.input(on(another), [part_id, step.sense, *words], None, **PRIVATE),
        step.table.select(on(pick), [part_id], None, **PRIVATE),
        step.prompt.blur(writing, [part_id, step.prompt], None, **PRIVATE),
        step.prompt.submit(writing, [part_id, step.prompt], None, **PRIVATE),
    ]


def find(server: Server, id: str, name: str, words: str, lists: str, rule: str) -> None:
    """Rank prompts; the meaning is the one that fits the photos best."""
    another(server, id, None, name, words, lists, rule)


def another(server: Server, id: str, sense: str | None, name: str, words: str, lists: str, rule: str) -> None:
    """Rank prompts for a meaning of the name."""
    part = server.part(id)
    if not part.photos():
        raise TgvigError("There are no photos yet: add 1 to 5 photos of good parts in step 1.")
    from tgvig_core.prompting.names import clean_name

    given = tuple(word.strip() for word in words.split(",") if word.strip())
    part.choose(object_name=clean_name(name), words=given, vocabulary=LISTS[lists], rule=RULES[rule], sense=sense)
    server.submit(part, "rank")


def pick(server: Server, id: str, event: gr.SelectData) -> None:
    """Use the prompt of the row that was clicked."""
    server.part(id).choose(prompt=str(event.row_value[0]))


def write(server: Server, id: str, text: str) -> None:
    """Use a prompt of the person's own."""
    if not text.strip():
        return  # left empty while another one is being looked for
    from tgvig_core.prompting.names import clean_prompt

    server.part(id).choose(prompt=clean_prompt(text))
