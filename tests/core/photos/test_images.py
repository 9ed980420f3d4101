"""Which photos an input stands for, what a set of normals refuses, and the frame: there and back, and onto the disk."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from paths import ROOT
from photos import noise, normals
from PIL import Image

from tgvig_core.photos.images import (
    expand_inputs,
    from_square,
    read_normals,
    read_photo,
    save_png,
    to_pixels,
    to_square,
    to_tensor,
)
from tgvig_core.utils.errors import TgvigError


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    for at, name in enumerate(["part10.png", "part2.PNG", "Part1.png", "sub/x.png", "sub/deep/y.jpg", ".hidden.png"]):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(at)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "only_folders" / "inner").mkdir(parents=True)
    (tmp_path / "nothing").mkdir()
    return tmp_path


def names(root: Path, *inputs: str | Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in expand_inputs([root / given for given in inputs])]


def test_folders_and_patterns_in_natural_order(shelf: Path) -> None:
    parts = ["Part1.png", "part2.PNG", "part10.png"]
    assert names(shelf, "") == parts
    assert names(shelf, "*") == parts
    assert names(shelf, "part*0.png") == ["part10.png"]
    assert names(shelf, "**/*") == [*parts, "sub/deep/y.jpg", "sub/x.png"]
    assert names(shelf, "**/*.jpg") == ["sub/deep/y.jpg"]


def test_inputs_keep_their_order_and_no_file_comes_twice(shelf: Path) -> None:
    assert names(shelf, "sub", "part10.png", "", "sub/../part2.PNG") == [
        "sub/x.png",
        "part10.png",
        "Part1.png",
        "part2.PNG",
    ]
    (shelf / "sub" / "again.png").symlink_to(shelf / "part10.png")
    assert names(shelf, "part10.png", "sub/again.png") == ["part10.png"]
    assert expand_inputs([]) == []


def test_a_named_file_counts_whatever_it_is_called(shelf: Path) -> None:
    (shelf / "odd[1].dat").write_bytes((shelf / "part10.png").read_bytes())
    assert names(shelf, "odd[1].dat", ".hidden.png") == ["odd[1].dat", ".hidden.png"]
    assert read_photo(shelf / "odd[1].dat").pixels.shape == (160, 200, 3)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("gone.png", "does not exist"),
        ("gone/*.png", "matches no photo"),
        ("*.txt", "matches no photo"),
        ("nothing", "name the folder that holds them"),
        ("only_folders", "inner"),
    ],
)
def test_an_input_without_photos_is_named(shelf: Path, given: str, words: str) -> None:
    with pytest.raises(TgvigError) as caught:
        expand_inputs([shelf / "part10.png", shelf / given])
    assert str(shelf / given) in str(caught.value) and words in str(caught.value)


def test_a_folder_that_may_not_be_listed(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", forbidden)
    with pytest.raises(TgvigError, match="sub cannot be listed .Permission denied.; check its permissions"):
        expand_inputs([shelf / "sub"])


def test_read_normals_keeps_order_and_gives_a_tensor(shelf: Path) -> None:
    normal_set = read_normals([shelf / "part10.png", shelf / "sub"])
    assert [item.path.name for item in normal_set.photos] == ["part10.png", "x.png"]
    tensor = normal_set.tensor(64)
    assert tensor.shape == (2, 3, 64, 64) and tensor.dtype == torch.float32
    assert tensor.min() >= -1 and tensor.max() <= 1
    assert np.array_equal(to_pixels(tensor[1]), to_square(normal_set.photos[1].pixels, 64))


def test_none_and_too_many_normals_are_refused(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TgvigError, match="at least one photo of a good part"):
        read_normals([])
    with pytest.raises(TgvigError, match="3 photos were given .*more than 2; give fewer"):
        read_normals([shelf], max_photos=2)
    assert len(read_normals([shelf], max_photos=3).photos) == 3
    monkeypatch.setattr("tgvig_core.photos.images.MAX_TOTAL_PIXELS", 160 * 200 * 2)
    with pytest.raises(TgvigError, match="part10.png have over 0.064 megapixels together"):
        read_normals([shelf])


def test_exact_duplicates_are_refused_whatever_the_file(tmp_path: Path) -> None:
    Image.fromarray(noise(1)).save(tmp_path / "a.png")
    Image.fromarray(noise(2)).save(tmp_path / "b.png")
    Image.fromarray(noise(1)).save(tmp_path / "c.bmp")
    with pytest.raises(TgvigError) as caught:
        read_normals([tmp_path])
    message = str(caught.value)
    assert str(tmp_path / "a.png") in message and str(tmp_path / "c.bmp") in message and "remove one" in message


@pytest.mark.parametrize("name", ["bottle", "transistor", "tile", "hazelnut"])
def test_real_photos_are_read_and_framed(name: str) -> None:
    paths = normals(name, 5)
    normal_set = read_normals(paths)
    assert [photo.path for photo in normal_set.photos] == paths
    assert normal_set.tensor(256).shape == (5, 3, 256, 256)


@pytest.mark.parametrize(("height", "width"), [(600, 200), (123, 457), (256, 256)])
def test_a_spot_comes_back_where_it_was(height: int, width: int) -> None:
    pixels = np.zeros((height, width, 3), dtype=np.uint8)
    top, left = int(0.7 * height), int(0.2 * width)
    pixels[top - 10 : top + 10, left - 10 : left + 10] = 255
    square = to_square(pixels, 128)
    assert square.shape == (128, 128, 3) and square.dtype == np.uint8
    back = from_square(square[..., 0].astype(np.float32), height, width)
    assert back.shape == (height, width) and back.dtype == np.float32 and back.min() >= 0 and back.max() <= 255
    rows, columns = np.indices(back.shape)
    centre = (rows * back).sum() / back.sum(), (columns * back).sum() / back.sum()
    assert abs(centre[0] - (top - 0.5)) < 0.5 and abs(centre[1] - (left - 0.5)) < 0.5
    assert back[top, left] > 200 and back[: height // 2].max() < 5


def test_from_square_agrees_with_torch() -> None:
    heatmap = np.random.default_rng(0).random((28, 28), dtype=np.float32)
    theirs = torch.nn.functional.interpolate(
        torch.from_numpy(heatmap)[None, None], size=(90, 61), mode="bilinear", align_corners=False
    )[0, 0]
    assert np.abs(from_square(heatmap.T.copy().T, 90, 61) - theirs.numpy()).max() < 1e-5


def test_the_frame_is_antialiased_and_whole() -> None:
    checker = np.indices((512, 512)).sum(axis=0) % 2 * 255
    square = to_square(np.repeat(checker[..., None], 3, axis=2).astype(np.uint8), 64)
    assert np.abs(square.astype(int) - 127.5).max() <= 2  # one pixel black, one white: grey, not moiré


def test_tensors_and_pixels_are_inverse() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    pixels = np.stack([values, values[::-1], values.T], axis=2)
    tensor = to_tensor(pixels)
    assert tensor.shape == (3, 16, 16) and tensor.dtype == torch.float32
    assert tensor[0, 0, 0] == -1 and tensor[0, 15, 15] == 1 and tensor[0, 3, 3] == pytest.approx(51 / 127.5 - 1)
    assert np.array_equal(to_pixels(tensor), pixels)
    assert to_pixels(torch.tensor([[[-3.0]], [[0.0]], [[3.0]]])).tolist() == [[[0, 128, 255]]]


def test_save_png_replaces_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("before")
    save_png(noise(0), path)
    assert np.array_equal(read_photo(path).pixels, noise(0)) and list(tmp_path.iterdir()) == [path]
    save_png(noise(1)[..., 0], tmp_path / "mask.png")
    assert np.array_equal(read_photo(tmp_path / "mask.png").pixels[..., 2], noise(1)[..., 0])


def test_a_full_disk_names_the_folder_and_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_text("before")

    def full(self: Image.Image, target: Path, **_: object) -> None:
        Path(target).write_bytes(b"half a ph")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(TgvigError) as caught:
        save_png(noise(0), path)
    assert "disk is full" in str(caught.value) and str(tmp_path) in str(caught.value)
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(TgvigError, match="cannot be written into .*nowhere .No such file.*check that the folder"):
        save_png(noise(0), tmp_path / "nowhere" / "a.png")


def test_reading_photos_does_not_load_torch() -> None:
    code = "import sys, tgvig_core.photos.quality_notes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
