"""The odd one out among the normals, maybe a defect that slipped in: PatchCore's leave-one-out scores compared.

Each photo is scored against the others, and its score compared with the median of the others' scores. The median alone
is the yardstick: a robust z of 3.5 (median and MAD, Iglewicz and Hoaglin 1993) named an odd one in 36 of 120 draws of
five good bottles, transistors, tiles or hazelnuts, because the spread of so few scores is often tiny by chance.

A note is a hint. It finds what changes the look of a part (24 of 24 bottles broken in a large piece, 20 of 24 in a small
one, among 2 or 4 good ones) and hardly ever what is fine (2 of 24 misplaced transistors, no blowhole in a tile).
"""

from __future__ import annotations

import threading

import numpy as np

from tgvig_core.detectors import PatchCore
from tgvig_core.images import NormalSet, to_square, to_tensor
from tgvig_core.photo_report import PhotoNote
from tgvig_core.progress import Progress, silent, track

ODD_FACTOR = 1.7
"""How many times the others' median score calls a photo odd; in 262 draws of 3 to 8 good photos it was 1.62 at most."""

LEAST_PHOTOS = 3
"""Of two photos nobody could say which is the odd one."""


def odd_ones(
    real: PatchCore, normals: NormalSet, progress: Progress = silent, stop: threading.Event | None = None
) -> tuple[PhotoNote, ...]:
    """Notes of the kind "odd", in the photos' order; none with fewer than LEAST_PHOTOS photos.

    Args:
        real: trained on the normals only, with `sources` that number them as here.

    Raises:
        Stopped: the stop event was set.
    """
    photos = normals.photos
    if len(photos) < LEAST_PHOTOS:
        return ()
    scores = np.array([
        float(real.score(to_tensor(to_square(photo.pixels, real.size))[None], leave_out=at).scores[0])
        for at, photo in enumerate(track(photos, "Comparing the photos", len(photos), progress, stop))
    ])  # fmt: skip
    notes = []
    for at, photo in enumerate(photos):
        usual = np.median(np.delete(scores, at))
        if scores[at] > ODD_FACTOR * usual:
            text = (
                f"{photo.path.name} does not look like the other photos: its score against them is {scores[at]:.1f}, "
                f"theirs is {usual:.1f}. If it shows a defect, leave it out."
            )
            notes.append(PhotoNote(photo.path, "odd", text))
    return tuple(notes)
