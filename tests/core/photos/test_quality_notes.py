"""Spoiled photos get the note that names their trouble; ordinary ones get none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from photos import noise, normals
from PIL import Image, ImageFilter

from tgvig_core.photos.images import NormalSet, Photo, read_normals
from tgvig_core.photos.quality_notes import report


def photo(name: str, pixels: np.ndarray) -> Photo:
    return Photo(Path(name), pixels, "")


def kinds(*photos: Photo) -> list[tuple[str, str]]:
    return [(note.path.name, note.kind) for note in report(NormalSet(photos))]


def test_clear_photos_get_no_note() -> None:
    assert kinds(photo("a", noise(0)), photo("b", noise(1)), photo("c", noise(2))) == []


def test_small_dark_and_bright() -> None:
    assert kinds(photo("a", noise(0, 127, 300))) == [("a", "small")]
    assert kinds(photo("a", noise(0) // 8)) == [("a", "dark")]
    assert kinds(photo("a", 255 - noise(0) // 8)) == [("a", "bright")]
    (note,) = report(NormalSet((photo("twelve_bit.png", noise(0) // 16),)))
    assert "12-bit camera" in note.text and "twelve_bit.png" in note.text


def test_blur_alone_and_beside_others() -> None:
    sharp = [noise(seed, 256, 256) for seed in range(3)]
    soft = np.asarray(Image.fromarray(noise(9, 256, 256)).filter(ImageFilter.GaussianBlur(1)))
    gone = np.asarray(Image.fromarray(noise(9, 256, 256)).filter(ImageFilter.GaussianBlur(12)))
    others = [photo(str(at), pixels) for at, pixels in enumerate(sharp)]
    assert kinds(photo("gone", gone)) == [("gone", "blur")]
    assert kinds(*others, photo("soft", soft)) == [("soft", "blur")]
    assert kinds(others[0], photo("soft", soft)) == []  # of two, neither is the odd one


def test_near_duplicates_and_sizes() -> None:
    one = np.asarray(Image.fromarray(noise(0, 300, 300)).filter(ImageFilter.GaussianBlur(1)))
    again = np.clip(one.astype(int) + 1, 0, 255).astype(np.uint8)
    other = np.asarray(Image.fromarray(noise(1, 300, 300)).filter(ImageFilter.GaussianBlur(1)))
    notes = report(NormalSet((photo("one", one), photo("other", other), photo("again", again))))
    assert [(note.path.name, note.kind) for note in notes] == [("again", "near_duplicate")]
    assert notes[0].text.startswith("one and again ")
    notes = report(NormalSet((photo("a", noise(0)), photo("b", noise(1)), photo("c", noise(2, 160, 160)))))
    assert [(note.path.name, note.kind) for note in notes] == [("c", "mixed_sizes")]
    assert "1 of 3" in notes[0].text and "200×160" in notes[0].text and "160×160" in notes[0].text


@pytest.mark.parametrize("name", ["bottle", "transistor", "tile", "hazelnut"])
def test_real_good_photos_are_seldom_noted(name: str) -> None:
    normal_set = read_normals(normals(name, 20))
    hints = [note for note in report(normal_set) if note.kind in ("blur", "dark", "bright", "near_duplicate")]
    assert len(hints) <= 1, hints


def test_real_photos_spoiled_are_noted() -> None:
    good = read_normals(normals("transistor", 5)).photos
    spoiled = np.asarray(Image.fromarray(good[0].pixels).filter(ImageFilter.GaussianBlur(2)))
    assert kinds(photo("spoiled", spoiled), *good[1:]) == [("spoiled", "blur")]
