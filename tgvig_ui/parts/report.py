"""The report of an inspection: one HTML file that holds everything it shows, for a printer, a mail or an archive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from tgvig_core.reports.parts import CSS, MAX_SIDE, curve_svg, figures_table, picture, write_page

SET_IMAGES = 12


@dataclass(frozen=True)
class ReportPhoto:
    """One inspected photo.

    Attributes:
        path: the photo.
        name: what is printed for it.
        score: raw score; larger is stranger.
        display: the same from 0 to 1, see display.py.
        anomalous: score > threshold.
        decision: the person's own, such as OK, NG or unsure; None where there is none.
        heatmap: the photo with its map laid over.
        regions: the anomalous regions in words, with their unit (px or mm), largest first.
    """

    path: Path
    name: str
    score: float
    display: float
    anomalous: bool
    decision: str | None
    heatmap: Path
    regions: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportFacts:
    """What a report tells.

    Attributes:
        date: as it is to be printed.
        device: what was computed on.
        learned: which images the detector learned from, in words.
        prompt: P, which chose the set; empty where no generated image was learned from, as the next three.
        similarity: cosine of each set with the prompt, first iteration first.
        best_set: number (from 1) of the set that trained the detector.
        set_images: its images; the first 12 are shown.
        threshold: raw score above which a photo is called anomalous.
        threshold_words: how sure its false-alarm rate is (Calibration.words).
        checked: what a check of the detector says, in sentences; empty where there was none.
        figures: by the keys of report_parts.FIGURES, in [0, 1]; None or missing where it could not be measured.
    """

    title: str
    part: str
    date: str
    pack: str
    device: str
    learned: str
    prompt: str
    similarity: tuple[float, ...]
    best_set: int | None
    set_images: tuple[Path, ...]
    threshold: float
    threshold_words: str
    photos: tuple[ReportPhoto, ...]
    checked: tuple[str, ...] = ()
    figures: Mapping[str, float | None] = field(default_factory=dict)


def write_report(target: Path, facts: ReportFacts) -> None:
    """Write the report as one HTML file that asks nothing of any network and needs no script.

    A photo that is no longer there, or cannot be read, gets a sentence in its place. The file is there whole or not at
    all; memory does not grow with the number of photos, the file does (about 40 kB a photo).

    Raises:
        TgvigError: the file cannot be written.
    """
    write_page(target, facts.title, CSS, _body(facts))


def _body(facts: ReportFacts) -> Iterator[str]:
    yield f"<header><h1>{escape(facts.title)}</h1><p>{_summary(facts.photos)}</p></header>\n"
    yield _facts_list(facts)
    yield from _training(facts)
    yield _check(facts.checked)
    yield _figures(facts.figures)
    yield from _photos(facts.photos)


def _summary(photos: Sequence[ReportPhoto]) -> str:
    found = sum(photo.anomalous for photo in photos)
    if not photos:
        return "No photo was inspected."
    return f"{found} of {len(photos)} photo{'s' * (len(photos) != 1)} called anomalous."


def _facts_list(facts: ReportFacts) -> str:
    rows = (
        ("Part", facts.part),
        ("Date", facts.date),
        ("Model pack", facts.pack),
        ("Device", facts.device),
        (
            "Threshold",
            f"{facts.threshold:.3f} raw, shown as 0.5: above it a photo is called anomalous; 0.05 is a typical good part",
        ),
        ("How sure that is", facts.threshold_words),
    )
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{escape(text)}</dd>' for name, text in rows)}</dl>\n"


def _training(facts: ReportFacts) -> Iterator[str]:
    """The prompt, the curve, and images of the set that the detector was trained on."""
    yield f"<section><h2>What the detector learned from</h2><p>It learned from {escape(facts.learned)}.</p>\n"
    if facts.prompt:
        yield f"<p>Prompt: <q>{escape(facts.prompt)}</q></p>\n"
    if facts.similarity:
        yield f"<figure>{curve_svg(facts.similarity, facts.best_set)}<figcaption>How well each generated set fits the "
        yield f"prompt (cosine). Set {facts.best_set}, marked, was used.</figcaption></figure>\n"
    shown = facts.set_images[:SET_IMAGES]
    if shown:
        yield f"<h3>Set {facts.best_set}: {len(shown)} of {len(facts.set_images)} generated images</h3>\n"
        yield '<div class="set">'
        for number, path in enumerate(shown, start=1):
            yield picture(path, f"Generated image {number}", MAX_SIDE // 2)
        yield "</div>\n"
    yield "</section>\n"


def _check(checked: Sequence[str]) -> str:
    """What the detector may miss, and what else it could learn from; nothing where it was not checked."""
    if not checked:
        return ""
    said = "".join(f"<p>{escape(sentence)}</p>" for sentence in checked)
    return f"<section><h2>Check of the detector</h2>{said}</section>\n"


def _figures(figures: Mapping[str, float | None]) -> str:
    """Figures of labelled photos; nothing where there are none."""
    table = figures_table(figures)
    return f"<section><h2>Against the labels</h2>{table}</section>\n" if table else ""


def _photos(photos: Sequence[ReportPhoto]) -> Iterator[str]:
    """The photos, largest score first."""
    if not photos:
        return
    yield '<section><h2>Photos, strangest first</h2>\n<table class="photos"><thead><tr>'
    yield "".join(f'<th scope="col">{name}</th>' for name in ("Photo", "Heatmap", "Result"))
    yield "</tr></thead><tbody>\n"
    for photo in sorted(photos, key=lambda photo: -photo.score):
        name = escape(photo.name)
        yield f"<tr><td>{picture(photo.path, f'Photo {photo.name}')}</td>"
        yield f"<td>{picture(photo.heatmap, f'Heatmap of {photo.name}')}</td>"
        yield f'<td><p class="name">{name}</p>{_result(photo)}</td></tr>\n'
    yield "</tbody></table></section>\n"


def _result(photo: ReportPhoto) -> str:
    kind, word = ("bad", "ANOMALOUS") if photo.anomalous else ("good", "GOOD")
    decision = f"<p>Own decision: <b>{escape(photo.decision)}</b></p>" if photo.decision else ""
    regions = "".join(f"<li>{escape(region)}</li>" for region in photo.regions)
    listed = f"<p>Regions:</p><ul>{regions}</ul>" if regions else ""
    return (
        f'<p><b class="{kind}">{word}</b></p><p>{photo.display:.2f} (raw score {photo.score:.3f})</p>{decision}{listed}'
    )
