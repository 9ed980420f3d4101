"""The parts that the head's menu offers: all of the server's, or on a public server only those of this browser."""

from __future__ import annotations

import time

import gradio as gr

from tgvig_ui.jobs.server import Server
from tgvig_ui.parts.part import Part
from tgvig_ui.widgets.html import note

KEPT = 20
"""Parts that a browser remembers."""


def known_by(server: Server, mine: list[str], asked: str | None) -> tuple[str, list[str], gr.Dropdown, str]:
    """What a browser is told once a part is open: its id ("" for none), the browser's parts, the menu, and that it is gone.

    Args:
        mine: the ids that this browser remembered before, the newest last.
        asked: the part's id; nothing where a new part is begun.
    """
    part = server.store.part(asked)
    id = part.id if part else ""
    mine = [*(known for known in mine if known != id), *([id] if id else [])][-KEPT:]
    return id, mine, recent(server, id, mine), gone(server, asked)


def gone(server: Server, asked: str | None) -> str:
    """Why there is nothing to see of a part that is asked for; empty where it is here, or none is asked for."""
    return note(server.store.gone(asked), "warn")


def recent(server: Server, id: str, mine: list[str]) -> gr.Dropdown:
    """The menu, with the part of this id chosen.

    Args:
        mine: the ids that this browser remembers.
    """
    choices = [(_title(part), part.id) for part in _offered(server, mine)]
    known = id if any(value == id for _, value in choices) else None
    return gr.Dropdown(
        [("Recent parts…", ""), *choices] if not known else choices, value=known or "", visible=bool(choices)
    )


def _offered(server: Server, mine: list[str]) -> list[Part]:
    if server.limits is None:
        return server.store.recent()
    found = {part.id: part for part in server.store.mine() if part.id in mine}  # which looks at none of them
    return [found[id] for id in reversed(mine) if id in found and found[id].photos()]


def _title(part: Part) -> str:
    when = time.strftime("%d %b %H:%M", time.localtime(part.chosen_at()))
    return f"{part.choices.object_name or 'unnamed part'} · {when}"
