"""What an audit report tells of a detector, read from its run and its bundle.json; what a run lacks is told as missing."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from tgvig_core.fitting import training_sets
from tgvig_core.photos.images import read_photo
from tgvig_core.reports.parts import FIGURES, RATES
from tgvig_core.storage.run_folder import Run, detector_id
from tgvig_core.utils.csv_safe import plain
from tgvig_core.utils.errors import TgvigError

TOP = 5
"""Ranked prompts that are listed."""


@dataclass(frozen=True)
class AuditPhoto:
    """A good photo that was learned from.

    Attributes:
        sha256: of the file as it was then.
        said: empty where the file is still that one, else what has become of it.
    """

    path: Path
    name: str
    sha256: str
    said: str


@dataclass(frozen=True)
class AuditPrompt:
    """The prompt P and where it comes from.

    Attributes:
        how: how it was chosen, in sentences.
        ranked: rank, prompt, score in [-1, 1] and kept (yes, no) of the first of the ranked ones, as prompts.csv has them.
    """

    text: str
    how: str
    ranked: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True)
class AuditImage:
    """A generated image of the chosen set; `left_out` says why it was not learned from, empty where it was."""

    path: Path
    number: int
    left_out: str


@dataclass(frozen=True)
class AuditFacts:
    """What the report tells.

    Attributes:
        about: bundle.json. card: model.json.
        limits: what verdicts rest on, as card["calibration"] holds it. moved: whether a person has moved its threshold.
        learned: which images the detector learned from, in words.
        prompt, similarity, chosen_set, images: None and empty where it learned from no generated image. `similarity` is the
            cosine of each set with the prompt, first iteration first; `images` are those of set `chosen_set` (from 1).
        check: what `checking.check` found of this very detector; None where `unchecked` says why there is none.
        figures: against labelled photos, by the keys of report_parts.FIGURES; empty where there are none.
        tested: how many photos these figures rest on.
    """

    part: str
    about: dict
    card: dict
    limits: dict
    moved: bool
    learned: str
    photos: tuple[AuditPhoto, ...]
    prompt: AuditPrompt | None
    similarity: tuple[float, ...]
    chosen_set: int | None
    images: tuple[AuditImage, ...]
    check: dict | None
    unchecked: str
    figures: dict[str, float | None]
    tested: int


def read_facts(folder: Path, about: dict) -> AuditFacts:
    """The facts of a run with a trained detector.

    Args:
        folder: of the run, or of a generation of the app, which keeps less beside its detector.
        about: bundle.json.

    Raises:
        TgvigError: there is no run, or it has no detector.
    """
    run, config = Run.open(folder)
    card = run.read_json("model/model.json")
    if card is None:
        raise TgvigError(f"{folder} has no detector yet: train it before its report is written.")
    settings, arm = config["settings"], card["arm"]
    generated = arm.startswith("tgvig")
    chosen = (training_sets.set_of(arm)[0] if ":" in arm else card["best_iteration"]) if generated else None
    limits = about.get("limits") or card["calibration"]
    check, unchecked = _check(run, card)
    figures, tested = _figures(run)
    moved = limits["threshold"] != card["calibration"]["threshold"]
    if moved:  # the rates were measured at the calibrated threshold
        figures = {key: value for key, value in figures.items() if key not in RATES}
    return AuditFacts(
        part=about.get("object") or "an unnamed part", about=about, card=card, limits=limits,
        moved=moved, learned=training_sets.named(arm),
        photos=_photos(settings.get("photos", ()), config.get("photos_sha256", ())),
        prompt=_prompt(run, settings) if generated else None,
        similarity=tuple(row["similarity"] for row in run.iterations()) if generated else (), chosen_set=chosen,
        images=_images(run, card, chosen) if generated else (), check=check, unchecked=unchecked, figures=figures,
        tested=tested,
    )  # fmt: skip


def _photos(paths: list[str], shas: list[str]) -> tuple[AuditPhoto, ...]:
    return tuple(
        AuditPhoto(Path(path), Path(path).name, sha, _said(Path(path), sha))
        for path, sha in zip(paths, shas, strict=True)
    )


def _said(path: Path, sha256: str) -> str:
    try:
        same = read_photo(path).sha256 == sha256
    except TgvigError:
        return "The file is no longer there, or cannot be read any more."
    return "" if same else "The file has been changed since: what lies there now was not learned from."


def _prompt(run: Run, settings: dict) -> AuditPrompt:
    known = run.read_json("prompt.json") or {}
    text = known.get("prompt") or settings.get("prompt") or ""
    rows = _ranked(run.folder / "prompts.csv")
    sense = known.get("sense")
    said = [_chosen(text, rows), known.get("lookup") or "", f"Sense of the name: {sense}." if sense else ""]
    shown = tuple((row["rank"], row["prompt"], row["score"], row["kept"]) for row in rows[:TOP])
    return AuditPrompt(text, " ".join(filter(None, said)), shown)


def _ranked(file: Path) -> list[dict[str, str]]:
    """The rows of prompts.csv (prompts.write_csv), best score first; none where prompts were not ranked."""
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as lines:
        return [row | {"prompt": plain(row["prompt"])} for row in csv.DictReader(lines)]


def _chosen(text: str, rows: list[dict[str, str]]) -> str:
    if not rows:
        return "It was given: no ranking of prompts is kept with this run."
    best = next((row for row in rows if row["kept"] == "yes"), None)
    among = f"of {len(rows)} prompts that were compared with the photos"
    if best and best["prompt"] == text:
        return f"It fits the photos best {among}, outliers set aside (Eq. 1 of the method)."
    place = next((row["rank"] for row in rows if row["prompt"] == text), None)
    return f"A person chose it: number {place} {among}." if place else f"A person wrote it: it is none {among}."


def _images(run: Run, card: dict, chosen: int) -> tuple[AuditImage, ...]:
    """Every image of the chosen set, and what spoke against it: the gate, a person, or an arm that takes the first ones."""
    count = training_sets.set_of(card["arm"])[1] if ":" in card["arm"] else None
    reasons = {row["image"]: row["reason"] for row in (card.get("gate") or {}).get("images", ()) if not row["kept"]}
    found = []
    for place, path in enumerate(sorted(run.set_folder(chosen).glob("*.png"))):
        said = [f"The gate dropped it: {reasons[place]}"] if place in reasons else []
        said += ["A person left it out."] if place in card["left_out"] else []
        said += [f"Only the first {count} images were to be learned from."] if count and place >= count else []
        found.append(AuditImage(path, place + 1, " ".join(said)))
    return tuple(found)


def _check(run: Run, card: dict) -> tuple[dict | None, str]:
    """What the check found, or why there is none: one of another detector tells nothing of this one."""
    found = run.read_json("check.json")
    if found and found.get("model") == detector_id(card):
        return found, ""
    if not found:
        return None, "No check was made of what this detector misses."
    return None, "The check that lies with this run is of another detector than this one, so that it is not shown."


def _figures(run: Run) -> tuple[dict[str, float | None], int]:
    """From result.json, or from the app's own inspection of a folder with labels."""
    if result := run.read_json("result.json"):
        return {key: result[key] for key in FIGURES if key in result}, len(result["images"])
    seen = run.read_json("inspect/scores.json") or {"figures": {}, "images": ()}
    return {key: value for key, value in seen["figures"].items() if key in FIGURES}, len(seen["images"])
