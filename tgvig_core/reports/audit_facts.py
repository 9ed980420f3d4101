"""What an audit report says of a detector, read from its run and its bundle.json, as values; templates/audit.html has the words."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tgvig_core.fitting.words import of_admission
from tgvig_core.photos.images import read_photo
from tgvig_core.reports.label_figures import FIGURES, RATES
from tgvig_core.runs.card import ModelCard
from tgvig_core.storage.run_folder import Run
from tgvig_core.utils.csv_safe import plain
from tgvig_core.utils.errors import TgvigError

if TYPE_CHECKING:
    from tgvig_core.bundles.manifest import BundledLimits, Manifest  # only named: bundles stand on reports

TOP = 5
"""Ranked prompts that are listed."""


@dataclass(frozen=True)
class AuditPhoto:
    """A good photo that was learned from.

    Attributes:
        sha256: of the file as it was then.
        state: whether the file is still that one; "gone": also where it cannot be read any more.
    """

    path: Path
    name: str
    sha256: str
    state: Literal["same", "changed", "gone"]


@dataclass(frozen=True)
class AuditPrompt:
    """The prompt P and where it comes from.

    Attributes:
        compared: how many prompts were compared with the photos; 0 where that is not kept with the run.
        place: number of this one among them, best first; empty where a person wrote it.
        best: whether it is the first one that is no outlier, which the method takes by itself.
        lookup, sense: where the name's senses were looked up, and the one that was taken; empty where that is not known.
        ranked: rank, prompt, score in [-1, 1] and kept (yes, no) of the first of the ranked ones, as prompts.csv has them.
    """

    text: str
    compared: int
    place: str
    best: bool
    lookup: str
    sense: str
    ranked: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True)
class AuditImage:
    """A generated image of the chosen set, and what spoke against learning from it.

    Attributes:
        number: from 1. gate: the gate's reason in a sentence, empty where it let the image pass.
        by_person: whether a person excluded it. beyond: where only the first images were taken, and it is none: how many.
    """

    path: Path
    number: int
    gate: str
    by_person: bool
    beyond: int | None

    @property
    def excluded(self) -> bool:
        """Whether it was not learned from."""
        return bool(self.gate or self.by_person or self.beyond)


@dataclass(frozen=True)
class AuditFacts:
    """What the report says.

    Attributes:
        about: bundle.json. card: what training found.
        limits: what verdicts rest on, calibration and sentence. moved: whether a person has moved its threshold.
        learned: which images the detector learned from, in words.
        prompt, similarity, chosen_set, images: None and empty where it learned from no generated image. `similarity` is the
            cosine of each set with the prompt, first iteration first; `images` are those of set `chosen_set` (from 1).
        check: what the check (runs/steps/check.py) found of this very detector. other_check: whether the run has one, but of
            another detector, which says nothing of this one.
        figures: against labelled photos, by the keys of label_figures.FIGURES; empty where there are none.
        tested: how many photos these figures rest on.
    """

    part: str
    about: Manifest
    card: ModelCard
    limits: BundledLimits
    moved: bool
    learned: str
    photos: tuple[AuditPhoto, ...]
    prompt: AuditPrompt | None
    similarity: tuple[float, ...]
    chosen_set: int | None
    images: tuple[AuditImage, ...]
    check: dict | None
    other_check: bool
    figures: dict[str, float | None]
    tested: int


def read_facts(folder: Path, about: Manifest) -> AuditFacts:
    """The facts of a run with a trained detector.

    Args:
        folder: of the run, or of a generation of the app, which keeps less beside its detector.
        about: bundle.json.

    Raises:
        TgvigError: there is no run, or it has no detector.
    """
    run, config = Run.open(folder)
    if not (folder / "model" / "model.json").exists():
        raise TgvigError(f"{folder} has no detector yet: train it before its report is written.")
    card = ModelCard.read(folder / "model")
    settings, generated, chosen = config["settings"], card.training_set.generated, card.chosen_set
    check = run.read_json("check.json")
    own = check is not None and check.get("model") == card.id
    figures, tested = _figures(run)
    moved = about.limits.threshold != card.calibration.threshold
    if moved:  # the rates were measured at the calibrated threshold
        figures = {key: value for key, value in figures.items() if key not in RATES}
    return AuditFacts(
        part=about.object or "an unnamed part", about=about, card=card, limits=about.limits,
        moved=moved, learned=card.training_set.title,
        photos=_photos(settings.get("photos", ()), config.get("photos_sha256", ())),
        prompt=_prompt(run, settings) if generated else None,
        similarity=tuple(row["similarity"] for row in run.iterations()) if generated else (), chosen_set=chosen,
        images=_images(run, card, chosen) if generated and chosen is not None else (), check=check if own else None,
        other_check=check is not None and not own, figures=figures, tested=tested,
    )  # fmt: skip


def _photos(paths: list[str], shas: list[str]) -> tuple[AuditPhoto, ...]:
    return tuple(
        AuditPhoto(Path(path), Path(path).name, sha, _state(Path(path), sha))
        for path, sha in zip(paths, shas, strict=True)
    )


def _state(path: Path, sha256: str) -> Literal["same", "changed", "gone"]:
    try:
        return "same" if read_photo(path).sha256 == sha256 else "changed"
    except TgvigError:
        return "gone"


def _prompt(run: Run, settings: dict) -> AuditPrompt:
    known = run.read_json("prompt.json") or {}
    text = known.get("prompt") or settings.get("prompt") or ""
    rows = _ranked(run.folder / "prompts.csv")
    best = next((row["prompt"] for row in rows if row["kept"] == "yes"), None)
    return AuditPrompt(
        text, len(rows), next((row["rank"] for row in rows if row["prompt"] == text), ""), best == text,
        known.get("lookup") or "", known.get("sense") or "",
        tuple((row["rank"], row["prompt"], row["score"], row["kept"]) for row in rows[:TOP]),
    )  # fmt: skip


def _ranked(file: Path) -> list[dict[str, str]]:
    """The rows of prompts.csv (prompts.write_csv), best score first; none where prompts were not ranked."""
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as lines:
        return [row | {"prompt": plain(row["prompt"])} for row in csv.DictReader(lines)]


def _images(run: Run, card: ModelCard, chosen: int) -> tuple[AuditImage, ...]:
    """Every image of the chosen set, and what spoke against it: the gate, a person, or that only the first ones count."""
    count, gate = card.training_set.count, card.gate
    reasons = {one.image: of_admission(one, gate.limit) for one in gate.images if not one.kept} if gate else {}
    return tuple(
        AuditImage(path, place + 1, reasons.get(place, ""), place in card.training_set.excluded,
                   count if count and place >= count else None)
        for place, path in enumerate(sorted(run.set_folder(chosen).glob("*.png")))
    )  # fmt: skip


def _figures(run: Run) -> tuple[dict[str, float | None], int]:
    """From result.json, or from the app's own inspection of a folder with labels."""
    if result := run.read_json("result.json"):
        return {key: result[key] for key in FIGURES if key in result}, len(result["images"])
    seen = run.read_json("inspect/scores.json") or {"figures": {}, "images": ()}
    return {key: value for key, value in seen["figures"].items() if key in FIGURES}, len(seen["images"])
