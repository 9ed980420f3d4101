"""What step 2 says of a ranking and of a prompt."""

from __future__ import annotations

from html import escape

from tgvig_ui.parts.ranking import ListedPrompt, Ranking
from tgvig_ui.widgets.html import note

RELATIONS = {
    "synonym": "another name for it", "hypernym": "more general (hypernym)", "hyponym": "more special (hyponym)",
    "part": "a part of it", "whole": "what it is a part of", "substance": "what it is made of",
    "member": "a member of it", "given": "your own word", "modifier": "from the name itself", "comparison": "a comparison",
    "wordnet": "from all of WordNet", "words": "from Webster's dictionary",
}  # fmt: skip
"""How a word is related to the part's name, or where else it comes from, in plain words."""


def counted(found: Ranking) -> str:
    """How many prompts were ranked by what, and what was excluded."""
    listed = f", the first {len(found.prompts)} of them listed below" if found.count > len(found.prompts) else ""
    return f"{found.count} prompts ranked by {found.encoder}{listed}. {found.rule[:1].upper()}{found.rule[1:]}."


def about_prompt(chosen: ListedPrompt | None, found: Ranking) -> str:
    """The chosen prompt's word: what it means and how it came here."""
    if chosen is None:
        return note("This is a prompt of your own.", "hint")
    best = " It fits your photos best (Eq. 1 of the paper)." if chosen.text == found.best else ""
    gloss = f" “{escape(chosen.gloss)}.”" if chosen.gloss else ""
    kept = "" if chosen.kept else f" It was excluded from the automatic choice: {escape(chosen.reason)}."
    above = " › ".join(escape(name) for name in chosen.place)
    where = f"<br>Its place in WordNet: {above}." if above else ""
    word, relation = escape(chosen.word or chosen.text), escape(RELATIONS[chosen.relation])
    return f'<div class="tg-hint"><b>{word}</b>: {relation}.{gloss}{best}{kept}{where}</div>'
