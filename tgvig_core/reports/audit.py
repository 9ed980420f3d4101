"""The audit report of a bundle: what its detector learned from, where its threshold comes from, what it is known to miss."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

from tgvig_core.fitting import training_sets
from tgvig_core.fitting.calibration import how_found
from tgvig_core.reports.audit_facts import AuditFacts, read_facts
from tgvig_core.reports.audit_parts import STYLE, axis_svg, facts_table, listed_table, shares_table, words_of
from tgvig_core.reports.parts import curve_svg, figures_table, picture, write_page

PHOTO_SIDE, IMAGE_SIDE = 320, 160
"""Longest sides of the pictures in the report, px."""
SHORT = 12
"""Letters of a checksum that stand below a picture."""

CHECK = (
    "To make one: <code>tgvig check RUN</code>, where RUN is the run's folder, or “Check this detector” in step 4 of the app; "
    "then make the bundle again."
)


def write_audit(run: Path, about: dict, target: Path) -> None:
    """Write the report as one HTML file that asks nothing of any network and needs no script.

    Args:
        run: folder of the run, or of a generation of the app.
        about: what bundle.json holds.
        target: the file.

    Raises:
        TgvigError: there is no trained run, or the file cannot be written.
    """
    facts = read_facts(run, about)
    write_page(target, f"Audit report: {facts.part}", STYLE, _body(facts))


def _body(facts: AuditFacts) -> Iterator[str]:
    yield f"<header><h1>Audit report: {escape(facts.part)}</h1><p>What this detector learned from, where its threshold "
    yield "comes from, and what it is known to miss.</p></header>\n"
    yield _summary(facts)
    yield from _photos(facts)
    yield from _prompt(facts)
    yield from _generated(facts)
    yield _threshold(facts)
    yield from _misses(facts)
    yield from _changed(facts)
    yield _labels(facts)
    yield _computes(facts)
    yield _made(facts)
    yield _rights(facts)
    yield _files(facts)


def _section(title: str, *pieces: str) -> str:
    return f"<section><h2>{title}</h2>\n{''.join(pieces)}</section>\n"


def _said(text: str, kind: str = "") -> str:
    """A paragraph of text that is not escaped yet; nothing where there is none."""
    return f"<p{f' class={kind!r}' if kind else ''}>{escape(text)}</p>\n" if text else ""


def _list(sentences: Iterable[str]) -> str:
    """A bulleted list of sentences that are not escaped yet."""
    return f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)}</ul>\n"


def _summary(facts: AuditFacts) -> str:
    about, limits = facts.about, facts.limits
    rows = {
        "Part": facts.part,
        "Made": words_of(about.get("created")),
        "Version of tgvig": words_of(about.get("version")),
        "Learned from": f"{facts.learned}; {len(facts.photos)} good photo{'s' * (len(facts.photos) != 1)}",
        "Threshold": f"{limits['threshold']:.6g} raw, shown as 0.5",
        "How sure that is": limits["words"],
        "Checked for what it misses": "yes, see below" if facts.check else "no",
        "Formats": words_of(list(about.get("models", ()))),
    }
    return facts_table(rows) + _said(about.get("meaning", ""))


def _photos(facts: AuditFacts) -> Iterator[str]:
    yield '<section><h2>The good photos</h2>\n<div class="sheet photos">'
    for photo in facts.photos:
        shown = f'<p class="missing">{photo.said}</p>' if photo.said else picture(photo.path, photo.name, PHOTO_SIDE)
        yield f"<figure>{shown}<figcaption>{escape(photo.name)}<br><code>{photo.sha256[:SHORT]}…</code></figcaption></figure>"
    rows = [(photo.name, photo.sha256) for photo in facts.photos]
    yield f"</div>\n{listed_table(('Photo', 'SHA-256 of the file'), rows, 'files')}</section>\n"


def _prompt(facts: AuditFacts) -> Iterator[str]:
    if facts.prompt is None:
        text = f"This detector learned from {facts.learned}: no prompt and no generated image has a part in it."
        yield _section("Prompt and generated images", _said(text))
        return
    yield f"<section><h2>The prompt</h2>\n<p><q>{escape(facts.prompt.text)}</q></p>\n{_said(facts.prompt.how)}"
    if facts.prompt.ranked:
        heads = ("Rank", "Prompt", "Cosine with the photos", "Kept, not an outlier")
        yield listed_table(heads, facts.prompt.ranked)
    yield "</section>\n"


def _generated(facts: AuditFacts) -> Iterator[str]:
    """The curve, and all images of the chosen set."""
    if facts.chosen_set is None:
        return
    yield "<section><h2>The generated images</h2>\n"
    if facts.chosen_set <= len(facts.similarity):
        yield f"<figure>{curve_svg(facts.similarity, facts.chosen_set)}<figcaption>How well each generated set fits the "
        yield f"prompt (cosine). Set {facts.chosen_set}, marked, was learned from: its cosine is "
        yield f"{facts.similarity[facts.chosen_set - 1]:.6g}.</figcaption></figure>\n"
    out = [image for image in facts.images if image.left_out]
    yield f"<h3>Set {facts.chosen_set}: {len(facts.images) - len(out)} of {len(facts.images)} images were learned from</h3>\n"
    yield _said((facts.card.get("gate") or {}).get("words", ""))
    yield '<div class="sheet">'
    for image in facts.images:
        kind, caption = (' class="out"', ", left out") if image.left_out else ("", "")
        shown = picture(image.path, f"Generated image {image.number}", IMAGE_SIDE)
        yield f"<figure{kind}>{shown}<figcaption>{image.number}{caption}</figcaption></figure>"
    yield "</div>\n"
    if out:
        yield _list(f"Image {image.number}. {image.left_out}" for image in out)
    yield "</section>\n"


def _threshold(facts: AuditFacts) -> str:
    limits, found = facts.limits, facts.card["calibration"]
    rows = {
        "Threshold of the score": f"{limits['threshold']:.6g} raw: above it a photo is called anomalous",
        "Threshold of the heatmap": f"{limits['pixel_threshold']:.6g} raw: above it a spot is marked",
        "Typical good part": f"{limits['typical']:.6g} raw: half of the good parts score higher",
        "Score from 0 to 1": f"1 / (1 + (threshold / raw)^k) with k = {limits['steepness']:.6g}",
    }
    if facts.moved:
        rows["Calibrated threshold, before it was moved"] = (
            f"{found['threshold']:.6g} raw, to which the following belongs"
        )
    rows |= {
        "False alarms aimed at": f"{found['false_alarm']:.2%} of the good parts",
        "90 % interval of the true rate": f"{found['low']:.2%} to {found['high']:.2%}",
        "Good photos it rests on": str(found["photos"]),
    }
    axis = f"<figure class='axis'>{axis_svg(limits['threshold'], limits['typical'], limits['steepness'])}</figure>\n"
    how = _said(how_found(found["photos"], found["false_alarm"]))
    return _section("The threshold and what it is worth", _said(limits["words"]), axis, facts_table(rows), how)


def _misses(facts: AuditFacts) -> Iterator[str]:
    yield "<section><h2>What it would miss</h2>\n"
    if facts.check is None:
        yield f"{_said(facts.unchecked)}<p>{CHECK}</p></section>\n"
        return
    seen = facts.check["detectability"]
    yield _said(seen["words"])
    if kinds := seen["kinds"]:
        yield "<h3>Found at each strength</h3>\n"
        yield shares_table([f"{share['at']:g}" for share in kinds[0]["strengths"]], kinds, "strengths")
        size = f"{words_of(facts.card.get('size'))} px"
        yield f"<h3>Found at each size, at full strength (px of the {size} frame; of scratches the width)</h3>\n"
        most = max(len(kind["sizes"]) for kind in kinds)
        yield shares_table(["smallest", *[""] * (most - 2), "largest"], kinds, "sizes", "px")
        yield _list(kind["words"] for kind in kinds)
    yield _said("Small figures: 90 % interval of the true share.", "note")
    yield "</section>\n"


def _changed(facts: AuditFacts) -> Iterator[str]:
    """Whether what was added to the photos helped: told at every training, and by the check for other pools."""
    lift, advice = facts.card.get("lift"), (facts.check or {}).get("advice")
    if not lift and not advice:
        return
    yield "<section><h2>What it changed to learn from more than the photos</h2>\n"
    if lift:
        yield _said(lift["words"])
    if advice:
        yield f"<h3>The check, for everything that could be learned from</h3>\n{_said(advice['words'])}"
        rows = [
            (training_sets.named(row["arm"]), f"{row['auroc']:.3f}", f"{row['difference']:+.3f}",
             f"{row['low']:+.3f} to {row['high']:+.3f}") for row in advice["arms"]
        ]  # fmt: skip
        heads = ("Learned from", "AUROC", "Difference to photos only", "Interval")
        yield listed_table(heads, rows)
    yield "</section>\n"


def _labels(facts: AuditFacts) -> str:
    table = figures_table(facts.figures)
    if not table:
        return _section("Against labelled photos", _said("No labelled photos were inspected with this run."))
    said = f"Measured on {facts.tested} inspected photos."
    if facts.moved:
        said += (
            " Rates of false alarms and missed defects are not told: they were measured before the threshold was moved."
        )
    return _section("Against labelled photos", _said(said), table)


def _computes(facts: AuditFacts) -> str:
    """Preprocessing, detector, outputs, and how far the formats agree."""
    about = facts.about
    pieces = []
    for title, name in (("Input", "input"), ("Detector", "detector"), ("Outputs", "outputs")):
        rows = {key.replace("_", " "): words_of(value) for key, value in (about.get(name) or {}).items()}
        pieces.append(f"<h3>{title}</h3>\n{facts_table(rows) if rows else _said('Not recorded.')}")
    if agreement := about.get("agreement"):
        rows = [(name, *(f"{found[key]:.2g}" for key in ("score", "map"))) for name, found in agreement.items()]
        heads = ("Format", "Score", "Map")
        pieces.append(f"<h3>Largest relative difference to the detector itself</h3>\n{listed_table(heads, rows)}")
    return _section("How it computes", *pieces)


def _made(facts: AuditFacts) -> str:
    about = facts.about
    command = f"<pre>{escape(about['command'])}</pre>\n" if about.get("command") else _said("No command is recorded.")
    by_hand = _list(about.get("by_hand") or ("Nothing.",))
    hand = f"<h3>Done by hand, which no command repeats</h3>\n{by_hand}"
    return _section("The command that reproduces the run", command, hand)


def _rights(facts: AuditFacts) -> str:
    versions = {name: str(version) for name, version in (facts.about.get("versions") or {}).items()}
    known = [
        (row.get("what", ""), row.get("licence", ""), row.get("source", ""))
        for row in facts.about.get("licences") or ()
    ]
    licences = listed_table(("What", "Licence", "Source"), known, "") if known else _said("Not recorded.")
    shown = facts_table(versions) if versions else _said("Not recorded.")
    return _section("Versions and licences", "<h3>Versions</h3>\n", shown, "<h3>Licences</h3>\n", licences)


def _files(facts: AuditFacts) -> str:
    files = facts.about.get("files") or {}
    if not files:
        return _section("Checksums", _said("Not recorded."))
    rows = [(name, f"{file['bytes']:,}", file["sha256"]) for name, file in sorted(files.items())]
    text = "Every file of the bundle but this report and the lists of checksums themselves."
    return _section("Checksums", _said(text), listed_table(("File", "Bytes", "SHA-256"), rows, "files"))
