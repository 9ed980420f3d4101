"""Small pieces of HTML with every foreign text escaped, and plain words for times and states."""

from __future__ import annotations

from html import escape
from pathlib import Path

from tgvig_ui.gradio_compat import address_of
from tgvig_ui.jobs.job import Status

KINDS = {
    "rank": "Ranking prompts",
    "generate": "Generating images",
    "train": "Training the detector",
    "inspect": "Inspecting photos",
    "check": "Checking the detector",
    "export": "Making the bundle",
    "complete": "Generating and training",
}


def note(text: str, kind: str = "note") -> str:
    """A boxed sentence; kind is note, warn, error, hint or empty."""
    role = ' role="alert"' if kind == "error" else ""
    return f'<div class="tg-{kind}"{role}>{escape(text)}</div>' if text else ""


def pictured(text: str, picture: Path, alt: str) -> str:
    """A boxed warning beside a picture that the server hands out."""
    image = f'<img src="{address_of(picture)}" alt="{escape(alt)}">'
    return f'<div class="tg-warn tg-pictured">{image}<span>{escape(text)}</span></div>'


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def status_line(status: Status | None, memory: str) -> str:
    """The line under the page's head: what runs, how far it is, how long it will take, what it holds."""
    if status is None:
        return ""
    name = KINDS[status.kind]
    if status.state == "queued":
        ahead = f"{status.place} job{'s' if status.place != 1 else ''} before it" if status.place else "next"
        return _line("queued", f"{name} waits in the queue: {ahead}.", "", None)
    if not status.busy:
        said = {"done": f"{name}: done.", "stopped": f"{name}: stopped.", "failed": f"{name} did not work."}
        return _line(status.state, said[status.state], status.message, None)
    share = min(status.done / status.total, 1.0) if status.total else None
    facts = [status.step, f"{duration(status.seconds)} so far"]
    facts += [f"about {duration(status.left)} left"] if status.left is not None else []
    facts += [memory, status.message]
    return _line("running", name, " · ".join(fact for fact in facts if fact), share)


def _line(state: str, head: str, detail: str, share: float | None) -> str:
    bar = ""
    if state == "running":
        width = f'style="width:{100 * share:.0f}%"' if share is not None else 'class="tg-unknown"'
        value = f' aria-valuenow="{100 * share:.0f}"' if share is not None else ""
        bar = (
            f'<div class="tg-bar" role="progressbar" aria-label="{escape(head)}" aria-valuemin="0" aria-valuemax="100"{value}>'
            f"<i {width}></i></div>"
        )
    return (
        f'<div class="tg-status tg-{state}" role="status" aria-live="polite"><b>{escape(head)}</b> '
        f"<span>{escape(detail)}</span>{bar}</div>"
    )
