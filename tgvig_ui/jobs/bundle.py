"""The bundle of a part's detector: the job that makes it, and the one that was made last as a value.

PARTS/<id>/bundles/NAME.zip, its audit report beside it as NAME.html, and latest.json about both. An older one goes.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tgvig_core.storage.run_folder import detector_id
from tgvig_ui.jobs.queue import Watch
from tgvig_ui.parts.manual_steps import done_by_hand
from tgvig_ui.parts.store import Part, read_json, write_json
from tgvig_ui.steps.train.check import check_of
from tgvig_ui.steps.train.view import model_card

LATEST = "latest.json"


@dataclass(frozen=True)
class Made:
    """The bundle that was made last.

    Attributes:
        file, report: the ZIP and the audit report that lies in it, too.
        bytes, sha256: of the ZIP.
        formats: those it holds. with_normals: whether it holds the good photos.
        outdated: why it is no longer what would be made now; empty where it is.
    """

    file: Path
    report: Path
    bytes: int
    sha256: str
    formats: tuple[str, ...]
    with_normals: bool
    outdated: str


def make(part: Part, arguments: dict, watch: Watch) -> None:
    """The job. What was asked for is in its arguments: it may have waited while the person moved on.

    Raises:
        TgvigError: as tgvig_core.bundles.export. Stopped: the stop event was set; the former bundle stays.
    """
    from tgvig_core.bundles.export import Wishes, export

    number, threshold = arguments["generation"], arguments["threshold"]
    run, folder = part.generation(number), part.folder / "bundles"
    of = _of(read_json(run / "model" / "model.json"), threshold, bool(read_json(run / "model" / "check.json")))
    wishes = Wishes(tuple(arguments["formats"]), arguments["with_normals"], threshold, done_by_hand(part, number))
    folder.mkdir(exist_ok=True)
    # a name of its own: a browser may keep the file of a former address
    name = f"{re.sub(r'[^a-z0-9]+', '-', part.choices.object_name.lower()).strip('-') or 'detector'}-{secrets.token_hex(3)}"
    made = export(run, folder / f"{name}.zip", wishes, watch.ctx)
    with zipfile.ZipFile(made) as zipped:
        (folder / f"{name}.html").write_bytes(zipped.read("report.html"))
    with made.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    facts = {"name": name, "bytes": made.stat().st_size, "sha256": sha256, "of": of}
    write_json(folder / LATEST, facts | {key: arguments[key] for key in ("formats", "with_normals")})
    for older in folder.iterdir():  # also what a server that was killed has left of one
        if older.name != LATEST and older.stem != name:
            shutil.rmtree(older) if older.is_dir() else older.unlink()


def _of(card: dict, threshold: float | None, checked: bool) -> dict:
    """What a bundle was made of."""
    return {"detector": detector_id(card), "threshold": threshold, "checked": checked}


def made_of(part: Part | None) -> Made | None:
    """The bundle that was made last, None where there is none."""
    folder = part.folder / "bundles" if part else None
    found = read_json(folder / LATEST) if folder else None
    file = folder / f"{found['name']}.zip" if found else None
    if not file or not file.exists():
        return None
    report, formats = file.with_suffix(".html"), tuple(found["formats"])
    return Made(
        file, report, found["bytes"], found["sha256"], formats, found["with_normals"], _outdated(part, found["of"])
    )


def _outdated(part: Part, of: dict) -> str:
    card = model_card(part)
    now = _of(card, part.choices.threshold, bool(check_of(part))) if card else None
    if now is None or now["detector"] != of["detector"]:
        return "This bundle holds another detector than the one you see here. Make it again to take this one home."
    if now["threshold"] != of["threshold"]:
        return "The threshold has been moved since this bundle was made. Make it again to take the new one home."
    if now["checked"] != of["checked"]:
        return "The detector has been checked since this bundle was made. Make it again to have that in its report."
    return ""
