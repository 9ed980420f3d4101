"""From a photo's file to 8-bit RGB pixels, or one sentence saying what to mend (by Pillow).

The rules for pixels, the same for training and for inspection:

* Grey of 16 bits is scaled by 1/257, so the full range 0..65535 becomes 0..255 (12-bit TIFF: 0..4095). A camera that
  puts 10 or 12 bits into a 16-bit file without scaling them therefore looks nearly black, and the report says so.
* Colour of 16 bits a channel is cut to its upper 8 bits: that is all Pillow reads of it.
* Integers of 32 bits are taken as 16-bit grey when they lie in 0..65535, and refused otherwise. Floats are refused:
  nothing in such a file says which value is white.
* Transparent pixels lie on white.
* CMYK is converted without its colour profile, LAB to sRGB; colour profiles of RGB photos are not applied.
* EXIF orientation is applied. Of a phone's MPO file (a JPEG with a second picture behind it) the first one counts.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from tgvig_core.photos import decoder_guard
from tgvig_core.photos.inputs import MAGIC, READS
from tgvig_core.utils.errors import TgvigError

MAX_PIXELS = 64_000_000
"""The largest photo that is decoded, in pixels (64 megapixels: 192 MB as 8-bit RGB)."""

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
"""Pillow's names of what is read."""
MIN_SIDE = 32
"""The smallest width and height in pixels; below it the backbones' feature maps vanish."""

_UPRIGHT: dict[object, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.transpose(1, 0, 2),
    6: lambda pixels: pixels[::-1].transpose(1, 0, 2),
    7: lambda pixels: pixels[::-1, ::-1].transpose(1, 0, 2),
    8: lambda pixels: pixels[:, ::-1].transpose(1, 0, 2),
}
BAND_PIXELS = 1 << 20
"""Converted at once: a whole photo of 64 megapixels would be held in three forms."""
_ORIENTATION, _BITS, _PHOTOMETRIC, _WHITE_IS_ZERO, _SAMPLES, _SIGNED = 274, 258, 262, 0, 339, 2


class TooManyPixels(TgvigError):
    """The photo is larger than the limit."""


class UnknownFormat(TgvigError):
    """The bytes are no photo of a format that is read."""


def decode(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[np.ndarray, str]:
    """One file's pixels (H×W×3 uint8 RGB, upright, read-only) and the sha256 of its bytes (64 hex digits).

    The size is read from the header and judged before any pixel is decoded.

    Raises:
        TgvigError: the file is missing, not readable, empty, damaged, no photo of a known format, animated or of
            several pages, larger than max_pixels, smaller than 32 px on a side, holds numbers without a known white, or asks
            for more work than a photo does (`photo_guard`).
    """
    if os.path.isdir(path):
        raise TgvigError(f"{path} is a folder, not a photo; name a file in it.")
    if not os.path.exists(path):
        raise TgvigError(f"{path} does not exist, or its folder may not be read; check the path.")
    if not os.path.isfile(path):
        raise TgvigError(f"{path} is a device or a pipe, not a photo; save the photo as a file and name that.")
    try:
        with open(path, "rb") as file:
            pixels = _decode(path, file, max_pixels)
            file.seek(0)
            return pixels, hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TgvigError(f"{path} cannot be read ({error.strerror or error}); check its permissions.") from error


def decode_bytes(name: str, content: bytes, max_pixels: int = MAX_PIXELS) -> tuple[np.ndarray, str]:
    """The same for a photo that did not come as a file; `name` is what the messages call it.

    Raises:
        TgvigError: see `decode`.
    """
    return _decode(name, io.BytesIO(content), max_pixels), hashlib.sha256(content).hexdigest()


def pixel_count(path: Path) -> int:
    """Width × height of a photo by its header; 0 for what is none, which `decode` puts into words."""
    if not os.path.isfile(path):  # a pipe would be waited for
        return 0
    try:
        with open(path, "rb") as file, _opened(file)[0] as image:
            return image.width * image.height
    except Exception:  # see _decode
        return 0


def _opened(file: BinaryIO) -> tuple[Image.Image, int]:
    """The photo, nothing decoded yet, and how many pictures the file holds."""
    pages = decoder_guard.pages(file)
    file.seek(0)
    image = Image.open(file, formats=FORMATS)
    if image.format == "TIFF":  # Pillow loads every page's tags to count them
        return image, pages
    return image, 1 if image.format == "MPO" else getattr(image, "n_frames", 1)


def _decode(path: Path | str, file: BinaryIO, max_pixels: int) -> np.ndarray:
    start = file.read(8)
    if not start:
        raise TgvigError(f"{path} is empty (0 bytes); copy it again from the camera.")
    # One switch for the whole process, and WeasyPrint turns it on when it is imported: half a photo would count as a
    # whole one with a grey rest.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        image, frames = _opened(file)
        _judge_header(path, image, frames, max_pixels)
        image.load()
        turn, rgb = _UPRIGHT.get(_orientation(image)), _all_rgb(path, image)
        del image  # before the photo is held a second time
        rgb = np.ascontiguousarray(turn(rgb)) if turn else rgb
        rgb.flags.writeable = False
        return rgb
    except (TgvigError, MemoryError):
        raise
    except decoder_guard.Excess as error:
        raise TgvigError(
            f"{path} asks for more than a photo does ({error}); open it in an image program and save it as PNG."
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels(_too_large(path, "far more pixels", max_pixels)) from error
    # A decoder meets a stranger's bytes here: a broken file makes Pillow raise anything from SyntaxError to KeyError.
    except Exception as error:
        raise _broken(path, start, error) from error


def _judge_header(path: Path | str, image: Image.Image, frames: int, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise TooManyPixels(_too_large(path, f"{width}×{height} pixels", max_pixels))
    if min(width, height) < MIN_SIDE:
        raise TgvigError(
            f"{path} has {width}×{height} pixels, fewer than {MIN_SIDE} on a side; take a larger photo of the part."
        )
    if frames > 1:
        raise TgvigError(f"{path} holds {frames} pictures (animated or several pages); save the one you mean as PNG.")
    if image.mode == "F":
        raise TgvigError(_whiteless(path, "floating-point"))
    if set(getattr(image, "tag_v2", {}).get(_SAMPLES, ())) & {_SIGNED} and image.mode == "L":  # Pillow takes -1 for 255
        raise TgvigError(_whiteless(path, "signed"))


def _too_large(path: Path | str, size: str, max_pixels: int) -> str:
    return (
        f"{path} has {size}, over the limit of {max_pixels / 1e6:g} megapixels; crop it to the part or scale it down."
    )


def _broken(path: Path | str, start: bytes, error: Exception) -> TgvigError:
    if not isinstance(error, UnidentifiedImageError):
        return TgvigError(f"{path} is damaged or cut short ({error}); copy it again from the camera.")
    # Pillow also says "cannot identify" of a known format whose header is cut short.
    if start.startswith(tuple(MAGIC)):
        return TgvigError(f"{path} is damaged or cut short (its header cannot be read); copy it again from the camera.")
    return UnknownFormat(
        f"{path} is not a photo of a known format ({READS}), whatever its name says; "
        "open it in an image program and save it as PNG."
    )


def _all_rgb(path: Path | str, image: Image.Image) -> np.ndarray:
    """The pixels as they are stored, converted band by band."""
    (width, height), clear = image.size, image.has_transparency_data
    rgb, rows = np.empty((height, width, 3), np.uint8), max(BAND_PIXELS // width, 1)
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height)))
        rgb[top : top + rows] = _rgb(path, band, getattr(image, "tag_v2", {}), clear)
    return rgb


def _orientation(image: Image.Image) -> object:
    """How the photo was held; Pillow turns a TIFF itself while loading and then forgets it, so none is turned twice."""
    decoder_guard.check_exif(image.info.get("exif", b""))
    if raw := image.info.get("Raw profile type exif"):  # ImageMagick's way to put EXIF into a PNG, in hex
        decoder_guard.check_exif(bytes.fromhex("".join(raw.split("\n")[3:])))
    return image.getexif().get(_ORIENTATION)


def _rgb(path: Path | str, band: Image.Image, tags: dict, clear: bool) -> np.ndarray:
    if band.mode.startswith("I"):
        return _from_deep_grey(path, np.asarray(band), tags)[..., None]
    if clear:
        rgba = band.convert("RGBA")
        band = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return np.asarray(band.convert("RGB"))


def _from_deep_grey(path: Path | str, values: np.ndarray, tags: dict) -> np.ndarray:
    white = 4095 if tags.get(_BITS) == (12,) else 65535
    if values.min() < 0 or values.max() > white:
        raise TgvigError(_whiteless(path, "32-bit or signed"))
    scaled = _scale(white)[values]
    # Pillow inverts white-is-zero TIFFs of 8 bits but not those of 16.
    return 255 - scaled if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else scaled


@functools.cache
def _scale(white: int) -> np.ndarray:
    """What becomes of the values 0 to white."""
    return np.rint(np.arange(white + 1) * np.float32(255 / white)).astype(np.uint8)


def _whiteless(path: Path | str, what: str) -> str:
    return f"{path} holds {what} numbers without a known white; save it as 8-bit or 16-bit grey."
