"""The job that makes the bundle of a part's detector (parts/bundles.py tells where it lies), and what its report says was
done by hand: no command repeats that.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import zipfile
from dataclasses import asdict
from pathlib import Path

from tgvig_core.bundles.manifest import MODELS
from tgvig_core.bundles.wishes import Wishes
from tgvig_core.runs.card import ModelCard
from tgvig_ui.jobs.arguments import Export
from tgvig_ui.jobs.job import Watch
from tgvig_ui.parts.bundles import LATEST, Latest, source_of
from tgvig_ui.parts.generations import Settings, settings_of, similarity
from tgvig_ui.parts.json_files import read_json, write_json
from tgvig_ui.parts.part import Part


def make(part: Part, asked: Export, watch: Watch) -> None:
    """The job. What was asked for came with it: it may have waited while the person moved on.

    Raises:
        TgvigError: as tgvig_core.bundles.export. Stopped: the stop event was set; the former bundle stays.
    """
    from tgvig_core.bundles.export import export, without_graph  # loads torch

    number, threshold = asked.generation, asked.threshold
    run, folder = part.generation(number), part.folder / "bundles"
    card = ModelCard.read(run / "model")
    of = source_of(card, threshold, bool(read_json(run / "model" / "check.json")))
    wishes = Wishes(asked.formats, asked.with_normals, threshold, done_by_hand(part, number))
    folder.mkdir(exist_ok=True)
    # a name of its own: a browser may keep the file of a former address
    name = f"{re.sub(r'[^a-z0-9]+', '-', part.choices.object_name.lower()).strip('-') or 'detector'}-{secrets.token_hex(3)}"
    made = export(run, folder / f"{name}.zip", wishes, watch.ctx)
    with zipfile.ZipFile(made) as zipped:
        (folder / f"{name}.html").write_bytes(zipped.read("report.html"))
        formats = tuple(one for one in wishes.formats if MODELS[one][0] in zipped.namelist())
    lacking = without_graph(card.saved.detector, [one for one in wishes.formats if one not in formats])
    with made.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    latest = Latest(name, made.stat().st_size, sha256, of, formats, wishes.with_normals, lacking)
    write_json(folder / LATEST, asdict(latest))
    for older in folder.iterdir():  # also what a server that was killed has left of one
        if older.name != LATEST and older.stem != name:
            shutil.rmtree(older) if older.is_dir() else older.unlink()


def done_by_hand(part: Part, number: int) -> tuple[str, ...]:
    """The sentences of a generation with a trained detector.

    Left-out images and a moved threshold are not among them: tgvig_core.bundles.description tells them of every run.
    """
    card, settings = ModelCard.read(part.generation(number) / "model"), settings_of(part, number)
    said = [_learned(part, settings), _ended(part, number, settings) if card.training_set.generated else ""]
    return tuple(filter(None, [*said, _backbone(card, settings)]))


def _learned(part: Part, settings: Settings) -> str:
    """Photos that came in by the button “Add the photos marked OK to the good photos”."""
    names = [Path(path).name for path in settings.photos if Path(path).name in part.choices.learned]
    if not names:
        return ""
    return f"Inspected before and marked OK by a person, then added to the good photos: {', '.join(names)}."


def _ended(part: Part, number: int, settings: Settings) -> str:
    made, wanted = len(similarity(part, number)), settings.integrating.iterations
    return f"The generation was ended after {made} of {wanted} iterations." if made < wanted else ""


def _backbone(card: ModelCard, settings: Settings) -> str:
    from tgvig_core.packs import registry  # loads torch, which the job that asks has done already

    own = registry.PACKS[settings.pack].backbone
    if card.saved.backbone in (own, None):  # None: it takes no features
        return ""
    return f"The detector was given the features of {card.saved.backbone} in place of {own}, those of the pack."
