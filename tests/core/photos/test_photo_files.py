"""Photos in every format and mode give the pixels worked out by hand; what cannot be used is refused by name."""

from __future__ import annotations

import errno
import hashlib
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from made_files import png16, tiff
from photos import noise
from PIL import Image, ImageFile, PngImagePlugin

from tgvig_core.photos.images import read_photo
from tgvig_core.utils.errors import TgvigError

pytestmark = pytest.mark.quick

WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def flat(mode: str, colour: object, size: tuple[int, int] = (40, 48)) -> Image.Image:
    return Image.new(mode, size, colour)


def pixel(path: Path, at: tuple[int, int] = (20, 20)) -> tuple[int, ...]:
    read = read_photo(path)
    assert read.pixels.dtype == np.uint8 and read.pixels.ndim == 3 and read.pixels.shape[2] == 3
    return tuple(int(value) for value in read.pixels[at])


def refused(path: Path, *words: str) -> None:
    with pytest.raises(TgvigError) as caught:
        read_photo(path)
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message
    assert all(word in message for word in words), message


@pytest.mark.parametrize("suffix", ["png", "tiff", "bmp", "webp", "jpg"])
def test_every_format_gives_height_width_rgb(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    flat("RGB", (200, 40, 90)).save(path, **({"lossless": True} if suffix == "webp" else {}))
    read = read_photo(str(path))
    assert read.pixels.shape == (48, 40, 3)
    assert np.abs(read.pixels.astype(int) - (200, 40, 90)).max() <= (2 if suffix == "jpg" else 0)
    assert read.path == path and read.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize(("value", "grey"), [(0, 0), (128, 0), (129, 1), (32896, 128), (65406, 254), (65535, 255)])
def test_grey_of_16_bits_is_scaled_by_257(tmp_path: Path, suffix: str, value: int, grey: int) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.full((40, 40), value, dtype=np.uint16)).save(path)
    assert pixel(path) == (grey,) * 3


def test_big_endian_grey_of_16_bits(tmp_path: Path) -> None:
    Image.frombytes("I;16B", (40, 40), struct.pack(">H", 32896) * 1600).save(tmp_path / "a.tif")
    assert (tmp_path / "a.tif").read_bytes()[:2] == b"MM" and pixel(tmp_path / "a.tif") == (128,) * 3


def test_white_is_zero_of_16_bits_is_turned_round(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(16, 0, struct.pack("<H", 65535) * 1600))
    assert pixel(tmp_path / "a.tif") == BLACK
    (tmp_path / "b.tif").write_bytes(tiff(8, 0, b"\xff" * 1600))
    assert pixel(tmp_path / "b.tif") == BLACK


def test_12_bit_tiff_uses_its_own_white(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(12, 1, b"\xff" * (40 * 60)))
    assert pixel(tmp_path / "a.tif") == WHITE


def test_integers_of_32_bits_are_16_bit_grey_or_refused(tmp_path: Path) -> None:
    flat("I", 32896).save(tmp_path / "a.tif")
    assert pixel(tmp_path / "a.tif") == (128,) * 3
    for name, value in (("over.tif", 65536), ("under.tif", -1)):
        flat("I", value).save(tmp_path / name)
        refused(tmp_path / name, "known white", "8-bit or 16-bit grey")


@pytest.mark.parametrize(
    ("channels", "values", "colour"),
    [
        (3, [65535, 32896, 0x12FF], (255, 128, 0x12)),
        (4, [65535, 32896, 0x12FF, 65535], (255, 128, 0x12)),
        (2, [32896, 65535], (128, 128, 128)),
        (1, [32896], (128, 128, 128)),
    ],
)
def test_png_of_16_bits_a_channel(
    tmp_path: Path, channels: int, values: list[int], colour: tuple[int, int, int]
) -> None:
    (tmp_path / "a.png").write_bytes(png16(channels, values))
    assert pixel(tmp_path / "a.png") == colour


def test_tiff_of_16_bits_a_channel(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(tiff(16, 2, struct.pack("<3H", 65535, 32896, 0x12FF) * 1600, samples=3))
    assert pixel(tmp_path / "a.tif") == (255, 128, 0x12)


def test_one_bit_and_plain_grey(tmp_path: Path) -> None:
    flat("1", 1).save(tmp_path / "a.png")
    flat("L", 77).save(tmp_path / "b.png")
    assert pixel(tmp_path / "a.png") == WHITE and pixel(tmp_path / "b.png") == (77, 77, 77)


def test_transparent_pixels_lie_on_white(tmp_path: Path) -> None:
    flat("RGBA", (10, 20, 30, 0)).save(tmp_path / "clear.png")
    flat("RGBA", (0, 100, 255, 51)).save(tmp_path / "fifth.png")  # alpha 0.2: 0.2·c + 0.8·255
    flat("LA", (10, 0)).save(tmp_path / "grey.png")
    flat("RGB", (10, 20, 30)).save(tmp_path / "key.png", transparency=(10, 20, 30))
    assert pixel(tmp_path / "clear.png") == WHITE
    assert pixel(tmp_path / "fifth.png") == (204, 224, 255)
    assert pixel(tmp_path / "grey.png") == WHITE
    assert pixel(tmp_path / "key.png") == WHITE


def test_palette_with_a_transparent_entry(tmp_path: Path) -> None:
    image = flat("P", 0)
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.paste(1, (0, 0, 20, 48))
    image.save(tmp_path / "plain.png")
    image.save(tmp_path / "clear.png", transparency=0)
    assert pixel(tmp_path / "plain.png", (5, 5)) == (200, 100, 50)
    assert pixel(tmp_path / "plain.png", (5, 35)) == (10, 20, 30)
    assert pixel(tmp_path / "clear.png", (5, 5)) == (200, 100, 50)
    assert pixel(tmp_path / "clear.png", (5, 35)) == WHITE


def test_cmyk_ycbcr_and_lab(tmp_path: Path) -> None:
    flat("CMYK", (255, 0, 0, 0)).save(tmp_path / "cyan.tif")
    flat("CMYK", (0, 0, 0, 255)).save(tmp_path / "key.tif")
    flat("YCbCr", (128, 128, 128)).save(tmp_path / "grey.tif", compression="jpeg")  # how scanners store it
    flat("LAB", (255, 128, 128)).save(tmp_path / "white.tif")  # L* = 100
    flat("LAB", (0, 128, 128)).save(tmp_path / "black.tif")
    assert pixel(tmp_path / "cyan.tif") == (0, 255, 255) and pixel(tmp_path / "key.tif") == BLACK
    assert pixel(tmp_path / "grey.tif") == (128, 128, 128)
    assert min(pixel(tmp_path / "white.tif")) >= 250 and max(pixel(tmp_path / "black.tif")) <= 5


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp"])
@pytest.mark.parametrize(
    ("orientation", "corner"),
    [
        (1, (0, 0)),
        (2, (0, 1)),
        (3, (1, 1)),
        (4, (1, 0)),
        (5, (0, 0)),
        (6, (0, 1)),
        (7, (1, 1)),
        (8, (1, 0)),
    ],
)
def test_exif_orientation(tmp_path: Path, suffix: str, orientation: int, corner: tuple[int, int]) -> None:
    image = flat("RGB", BLACK, (96, 64))
    image.paste(WHITE, (0, 0, 16, 16))  # top left as stored; EXIF says where that corner belongs
    exif = Image.Exif()
    exif[274] = orientation
    image.save(tmp_path / f"a.{suffix}", exif=exif)
    pixels = read_photo(tmp_path / f"a.{suffix}").pixels
    height, width = (96, 64) if orientation >= 5 else (64, 96)
    assert pixels.shape == (height, width, 3)
    bright = np.argwhere(pixels.mean(axis=2) > 128)
    assert len(bright) == 256 and tuple((bright.mean(axis=0) > (height / 2, width / 2)).astype(int)) == corner


def test_a_phones_two_picture_jpeg_gives_the_first(tmp_path: Path) -> None:
    first, second = flat("RGB", (250, 0, 0)), flat("RGB", (0, 0, 250))
    first.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[second], quality=95)
    assert Image.open(tmp_path / "a.jpg").n_frames == 2 and pixel(tmp_path / "a.jpg")[0] > 240


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "gone.png", "does not exist", "check the path")
    refused(tmp_path, "is a folder", "name a file in it")
    os.mkfifo(tmp_path / "pipe.png")
    refused(tmp_path / "pipe.png", "a device or a pipe")
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "empty.png", "empty (0 bytes)", "copy it again")


def test_no_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flat("RGB", BLACK).save(tmp_path / "a.png")

    def forbidden(*_: object) -> None:  # simulated, because root may read everything
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("builtins.open", forbidden)
    refused(tmp_path / "a.png", "Permission denied", "check its permissions")


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "bmp", "webp"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_a_photo_cut_short_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(noise(0)).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(8, int(len(whole) * share))])
    refused(path, "damaged or cut short", "copy it again")


def test_a_photo_cut_short_is_refused_whatever_another_library_switched(tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as importing WeasyPrint does
    Image.fromarray(noise(0)).save(tmp_path / "a.png")
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "a.png", "damaged or cut short", "copy it again")


def test_what_is_no_photo_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("not a photo at all")
    refused(tmp_path / "notes.png", "not a photo of a known format", "save it as PNG")
    flat("RGB", BLACK).save(tmp_path / "a.png", format="GIF")
    refused(tmp_path / "a.png", "PNG, JPEG, TIFF, BMP and WebP", "whatever its name says")
    flat("F", 0.5).save(tmp_path / "depth.tif")
    refused(tmp_path / "depth.tif", "floating-point", "8-bit or 16-bit grey")


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
def test_animations_and_pages_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    flat("RGB", BLACK).save(path, save_all=True, append_images=[flat("RGB", WHITE), flat("RGB", (9, 9, 9))])
    refused(path, "3 pictures", "save the one you mean")


def test_sizes_are_judged_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda self: pytest.fail("decoded"))
    for name, side in (("large.png", 8001), ("bomb.png", 60000)):
        data = bytearray(png16(1, [0]))
        data[16:24] = struct.pack(">II", side, side)
        data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
        (tmp_path / name).write_bytes(data)
    refused(tmp_path / "large.png", "8001×8001", "64 megapixels", "crop it")
    refused(tmp_path / "bomb.png", "64 megapixels", "crop it")
    (tmp_path / "small.png").write_bytes(png16(1, [0], side=31))
    refused(tmp_path / "small.png", "31×31", "fewer than 32")


def test_the_limits_themselves_are_allowed(tmp_path: Path) -> None:
    flat("L", 5, (32, 100)).save(tmp_path / "a.png")
    assert read_photo(tmp_path / "a.png", max_pixels=3200).pixels.shape == (100, 32, 3)
    with pytest.raises(TgvigError, match=r"32×100 pixels, over the limit of 0\.003199 megapixels"):
        read_photo(tmp_path / "a.png", max_pixels=3199)
