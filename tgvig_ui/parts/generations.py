"""What the generations of a part left on disk, as values: curves, settings, sets, pictures, prompts side by side."""

from __future__ import annotations

from html import escape
from pathlib import Path
from urllib.parse import quote

from tgvig_core.generation.best_set import best_iteration
from tgvig_core.storage.run_folder import Run
from tgvig_core.utils.atomic_write import whole
from tgvig_ui.parts.store import Part, read_json, write_json
from tgvig_ui.parts.thumbnails import thumb
from tgvig_ui.widgets.html import note

SIDE_BY_SIDE = 6
"""Images of each prompt's best set that are shown beside each other."""
LISTED = 100
"""Images of a set that the page lists."""
BY_HAND = "by_hand.json"
QUALITY = {"inception_score": 2, "ssim": 3, "psnr": 1, "perceptual": 3}
"""Figures of quality.json and their decimals."""
COLUMNS = {
    "prompt": "what was generated for", "similarity": "cosine of the set and the prompt", "IS": "variety; larger is more varied",
    "SSIM": "structure like your photos, 1 is the same", "PSNR, dB": "pixels like your photos; larger is closer",
    "LPIPS-like": "distance to your photos as a network sees it; smaller is closer", "images": "first images of that set",
}  # fmt: skip
EXPLAINED = (
    "Each set against the nearest of your photos. SSIM 1 is the same structure; PSNR in dB, larger is closer; LPIPS-like: smaller "
    "is closer; IS: larger is more varied. IS and LPIPS-like are measured with EfficientNet-Lite0: compare them here only."
)


def similarity(part: Part, number: int) -> list[float]:
    """The similarity curve of a generation, from its journal."""
    return [row["similarity"] for row in Run(part.generation(number)).iterations()]


def settings_of(part: Part, number: int) -> dict:
    """What a generation was asked for."""
    return (read_json(part.generation(number) / "config.json") or {}).get("settings", {})


def unfinished(part: Part) -> list[int]:
    """The generations that Continue finishes: the shown one, then those that were begun with it to be compared."""
    shown = part.choices.generation
    if shown is None:
        return []
    together = (read_json(part.generation(shown) / "config.json") or {}).get("together", [])
    return [number for number in dict.fromkeys((shown, *together)) if lacks_sets(part, number)]


def lacks_sets(part: Part, number: int) -> bool:
    """Whether a generation has fewer sets than were asked for; one without a prompt is for a detector alone."""
    settings = settings_of(part, number)
    wanted = settings.get("integrating", {}).get("iterations", 0)
    return bool(settings.get("prompt")) and len(similarity(part, number)) < wanted


def best_set(part: Part, number: int) -> int | None:
    """α of the sets so far, or the last one where that was asked for; None before the first set."""
    curve = similarity(part, number)
    return best_iteration(curve, settings_of(part, number).get("integrating", {}).get("text", True)) if curve else None


def used_set(part: Part, number: int) -> int | None:
    """The set that is learned from: the one that a person chose, else the best; None before the first set."""
    return (read_json(part.generation(number) / BY_HAND) or {}).get("set") or best_set(part, number)


def use_set(part: Part, number: int, set_number: int) -> None:
    """Keep a person's choice with its generation: further iterations and a look at another generation leave it."""
    write_json(part.generation(number) / BY_HAND, {"set": set_number})


def set_files(part: Part, number: int, set_number: int) -> list[Path]:
    return sorted((part.generation(number) / "sets" / f"{set_number:03d}").glob("*.png"))


def pictures(part: Part, number: int | None, set_number: int | None) -> list[tuple[str, str]]:
    """At most the first 100, which is what the page's slider allows: a program may have asked for more."""
    if number is None or not set_number:
        return []
    out = part.choices.left_out if set_number == part.choices.chosen_set else ()
    files = set_files(part, number, set_number)[:LISTED]
    return [
        (str(thumb(file, part.folder / "thumbs")), "left out" if place in out else "")
        for place, file in enumerate(files)
    ]


def square(path: Path) -> str:
    """The photo in the generator's square frame, so that both sides of the slider lie on each other."""
    from PIL import Image

    target = path.with_name(f"{path.stem}-square.jpg")
    if not target.exists():
        with whole(target) as draft:
            Image.open(path).resize((256, 256), Image.Resampling.BICUBIC).save(draft, quality=92)
    return str(target)


def comparison(part: Part) -> str:
    """The paper's Table 2 for this part: prompt, similarity, quality and first images of every generation's best set."""
    rows = [_compared(part, number) for number in part.generations() if similarity(part, number)]
    if len(rows) < 2:  # its figures are measured when there is something to compare
        return ""
    titles = "".join(f'<th title="{escape(meaning)}">{title}</th>' for title, meaning in COLUMNS.items())
    return (
        f'<div class="tg-scroll"><table class="tg-compare"><thead><tr>{titles}</tr></thead><tbody>{"".join(rows)}</tbody>'
        f"</table></div>{note(EXPLAINED, 'hint')}"
    )


def _compared(part: Part, number: int) -> str:
    curve, found = similarity(part, number), read_json(part.generation(number) / "quality.json")
    best = best_set(part, number)
    figures = ["…"] * 4
    if found and found["set"] <= len(curve):
        best = found["set"]
        figures = [f"{found[name]:.{digits}f}" for name, digits in QUALITY.items()]
    shown = "".join(
        f'<img src="/gradio_api/file={quote(str(thumb(file, part.folder / "thumbs", 128)))}" alt="">'
        for file in set_files(part, number, best)[:SIDE_BY_SIDE]
    )
    prompt = escape(settings_of(part, number).get("prompt", ""))
    cells = [prompt, f"{curve[best - 1]:.3f} (set {best})", *figures, shown]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
