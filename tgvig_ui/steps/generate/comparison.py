"""Prompts side by side: similarity, quality and first images of every generation's best set (the paper's Table 2)."""

from __future__ import annotations

from html import escape

from pydantic.dataclasses import dataclass

from tgvig_ui.gradio_compat import address_of
from tgvig_ui.parts.generations import best_set, set_files, settings_of, similarity
from tgvig_ui.parts.json_files import read_value
from tgvig_ui.parts.part import Part
from tgvig_ui.parts.thumbnails import thumb
from tgvig_ui.widgets.html import note

SIDE_BY_SIDE = 6
"""Images of each prompt's best set that are shown beside each other."""
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


@dataclass(frozen=True)
class MeasuredSet:
    """quality.json: a set and its figures (tgvig_core.generation.set_quality.Quality)."""

    set: int
    inception_score: float
    ssim: float
    psnr: float
    perceptual: float


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
    curve, found = similarity(part, number), read_value(MeasuredSet, part.generation(number) / "quality.json")
    best = best_set(part, number)
    figures = ["…"] * 4
    if found and found.set <= len(curve):
        best = found.set
        figures = [f"{getattr(found, name):.{digits}f}" for name, digits in QUALITY.items()]
    shown = "".join(
        f'<img src="{address_of(thumb(file, part.folder / "thumbs", 128))}" alt="">'
        for file in set_files(part, number, best)[:SIDE_BY_SIDE]
    )
    prompt = escape(settings_of(part, number).prompt or "")
    cells = [prompt, f"{curve[best - 1]:.3f} (set {best})", *figures, shown]
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
