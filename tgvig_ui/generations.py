"""What the generations of a part left on disk, as values: curves, settings, sets, pictures, prompts side by side."""

from __future__ import annotations

from html import escape
from pathlib import Path
from urllib.parse import quote

from tgvig_core.best_set import best_iteration
from tgvig_core.runs import Run
from tgvig_ui.store import Part, read_json
from tgvig_ui.thumbs import thumb

SIDE_BY_SIDE = 6
"""Images of each prompt's best set that are shown beside each other."""


def similarity(part: Part, number: int) -> list[float]:
    """The similarity curve of a generation, from its journal."""
    return [row["similarity"] for row in Run(part.generation(number)).iterations()]


def settings_of(part: Part, number: int) -> dict:
    """What a generation was asked for."""
    return (read_json(part.generation(number) / "config.json") or {}).get("settings", {})


def unfinished(part: Part) -> list[int]:
    """Generations that stopped before their last iteration."""
    asked = {
        number: settings_of(part, number).get("integrating", {}).get("iterations", 0) for number in part.generations()
    }
    return [number for number, wanted in asked.items() if len(similarity(part, number)) < wanted]


def best_of(curve: list[float]) -> int | None:
    return best_iteration(curve) if curve else None


def set_files(part: Part, number: int, set_number: int) -> list[Path]:
    return sorted((part.generation(number) / "sets" / f"{set_number:03d}").glob("*.png"))


def pictures(part: Part, number: int | None, set_number: int | None) -> list[tuple[str, str]]:
    """At most the first 60: more would make the page slow, and nobody looks at them one by one."""
    if number is None or not set_number:
        return []
    out = part.choices.left_out if set_number == part.choices.chosen_set else ()
    files = set_files(part, number, set_number)[:60]
    return [
        (str(thumb(file, part.folder / "thumbs")), "left out" if place in out else "")
        for place, file in enumerate(files)
    ]


def square(path: Path) -> str:
    """The photo in the generator's square frame, so that both sides of the slider lie on each other."""
    from PIL import Image

    target = path.with_name(f"{path.stem}-square.jpg")
    if not target.exists():
        Image.open(path).resize((256, 256), Image.Resampling.BICUBIC).save(target, quality=92)
    return str(target)


def comparison(part: Part) -> str:
    """A table of all generations: prompt, best similarity, first images of the best set ("" for fewer than two)."""
    rows = []
    for number in part.generations():
        curve = similarity(part, number)
        if not curve:
            continue
        best = best_of(curve)
        files = set_files(part, number, best)[:SIDE_BY_SIDE]
        shown = "".join(
            f'<img src="/gradio_api/file={quote(str(thumb(file, part.folder / "thumbs", 128)))}" alt="">'
            for file in files
        )
        prompt = escape(settings_of(part, number).get("prompt", ""))
        rows.append(f"<tr><td>{prompt}</td><td>{curve[best - 1]:.3f} (set {best})</td><td>{shown}</td></tr>")
    if len(rows) < 2:
        return ""
    head = "<tr><th>prompt</th><th>best similarity</th><th>first images of that set</th></tr>"
    return f'<table class="tg-compare"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'
