"""What is done with a run's photos before anything is learned from them: the good ones compared, the test photos read."""

from __future__ import annotations

from pathlib import Path

from tgvig_core.diagnosis.outlier_photos import outlier_notes
from tgvig_core.inspection.inspector import check_photos
from tgvig_core.models.backbones import Backbone
from tgvig_core.photos.images import NormalSet
from tgvig_core.photos.labelled_folder import LabelledPhoto, read_mask, read_test_folder
from tgvig_core.photos.quality_notes import report
from tgvig_core.runs.result import Note
from tgvig_core.runs.settings import SIZE
from tgvig_core.runs.work import Work
from tgvig_core.utils.progress import QUIET, RunContext


def outliers(
    folder: Path, backbone: Backbone, normals: NormalSet, device: str = "cpu", ctx: RunContext = QUIET
) -> tuple[Note, ...]:
    """Notes on photos unlike the others, kept in FOLDER/odd; among fewer than three there is none.

    Args:
        folder: of a run, or of a part of the page.

    Raises:
        TgvigError: memory is too short, or the folder cannot be written to. Stopped: the stop event was set.
    """
    return tuple(Note(**note) for note in outlier_notes(folder, backbone, normals, SIZE, device, ctx))


def compare(work: Work) -> tuple[Note, ...]:
    """`outliers` of a run, reported and journaled as soon as they are found."""
    folder = work.run.folder
    notes = outliers(folder, work.models.backbone, work.normals, work.device, work.ctx)
    if not work.run.events("compared"):
        work.run.journal("compared", odd=[note.heatmap for note in notes])
    for note in notes:
        work.ctx.progress(f"Unlike the other photos, see {folder / str(note.heatmap)}", 1, 1)
    return notes


def quality_notes(normals: NormalSet) -> tuple[Note, ...]:
    """Notes on photos that are blurred, dark or of another kind than the others."""
    return tuple(Note(str(note.path), note.kind, note.text) for note in report(normals))


def read_tests(folder: str | Path | None, ctx: RunContext = QUIET) -> tuple[LabelledPhoto, ...]:
    """The photos to inspect and their masks, all of which can be read.

    Raises:
        TgvigError: one cannot. Stopped: the stop event was set.
    """
    tests = read_test_folder(Path(folder)) if folder else ()
    check_photos([photo.path for photo in tests], ctx)
    for photo in tests:
        read_mask(photo, SIZE)
    return tests
