"""From what a person points at (files, folders, patterns) to 8-bit RGB pixels, or one sentence saying what to mend.

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

import glob
import hashlib
import io
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from tgvig_core.errors import TgvigError

MAX_PIXELS = 64_000_000
"""The largest photo that is decoded, in pixels (64 megapixels: 192 MB as 8-bit RGB)."""

MIN_SIDE = 32
"""The smallest width and height in pixels; below it the backbones' feature maps vanish."""

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
_READS = "PNG, JPEG, TIFF, BMP and WebP"
_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"BM", b"RIFF")
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION, _BITS, _PHOTOMETRIC, _WHITE_IS_ZERO = 274, 258, 262, 0


class TooManyPixels(TgvigError):
    """The photo is larger than the limit."""


class UnknownFormat(TgvigError):
    """The bytes are no photo of a format that is read."""


def expand_inputs(inputs: Sequence[str | Path]) -> list[Path]:
    """The photo files that files, folders and patterns (`*.png`, `parts/**/*.jpg`) stand for.

    A file counts whatever it is called. Of a folder, the photos directly inside count; of a folder or a pattern, only
    names with a photo's extension that do not start with a dot. Inputs keep their order; inside a folder or a pattern
    the order is natural (part2 before part10). A file reached twice comes once, at its first place.

    Raises:
        TgvigError: an input does not exist, cannot be listed, or matches no photo.
    """
    found: dict[Path, Path] = {}
    for given in inputs:
        for path in _expand(given):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _expand(given: str | Path) -> list[Path]:
    path = Path(given).expanduser()
    if os.path.isdir(path):
        return _photos_in(path)
    if os.path.lexists(path):
        return [path]
    if not any(sign in str(path) for sign in "*?["):
        raise TgvigError(f"{path} does not exist, or its folder may not be read; check the path.")
    matches = [Path(name) for name in glob.glob(str(path), recursive=True) if os.path.isfile(name)]
    photos = sorted(filter(is_photo_name, matches), key=_natural)
    if not photos:
        raise TgvigError(f"The pattern {path} matches no photo ({_READS}); check the folder and the extension in it.")
    return photos


def _photos_in(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir(), key=_natural)
    except OSError as error:
        raise TgvigError(f"The folder {folder} cannot be listed ({error.strerror}); check its permissions.") from error
    photos = [entry for entry in entries if is_photo_name(entry) and os.path.isfile(entry)]
    if not photos:
        inner = next((entry for entry in entries if os.path.isdir(entry) and not entry.name.startswith(".")), None)
        remedy = f"name a folder inside it, such as {inner}, or" if inner else "name the folder that holds them, or"
        raise TgvigError(f"The folder {folder} holds no photo directly inside ({_READS}); {remedy} the files.")
    return photos


def is_photo_name(path: Path) -> bool:
    """Whether a name found in a folder counts as a photo's: its extension is one of SUFFIXES, and it is not hidden."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _natural(path: Path) -> tuple[list[list[str | int]], str]:
    # Splitting with a group gives text and digits by turns, so two keys always compare like with like; the plain name
    # settles what is left (A.png and a.png, 1.png and 01.png).
    pieces = [re.split(r"([0-9]+)", part.casefold()) for part in path.parts]
    return [[int(piece) if at % 2 else piece for at, piece in enumerate(part)] for part in pieces], str(path)


def decode(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[np.ndarray, str]:
    """One file's pixels (H×W×3 uint8 RGB, upright, read-only) and the sha256 of its bytes (64 hex digits).

    The size is read from the header and judged before any pixel is decoded.

    Raises:
        TgvigError: the file is missing, not readable, empty, damaged, no photo of a known format, animated or of
            several pages, larger than max_pixels, smaller than 32 px on a side, or holds numbers without a known white.
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
            return pixels, hashlib.sha256(file.read()).hexdigest()
    except OSError as error:
        raise TgvigError(f"{path} cannot be read ({error.strerror or error}); check its permissions.") from error


def decode_bytes(name: str, content: bytes, max_pixels: int = MAX_PIXELS) -> tuple[np.ndarray, str]:
    """The same for a photo that did not come as a file; `name` is what the messages call it.

    Raises:
        TgvigError: see `decode`.
    """
    return _decode(name, io.BytesIO(content), max_pixels), hashlib.sha256(content).hexdigest()


def _decode(path: Path | str, file: BinaryIO, max_pixels: int) -> np.ndarray:
    start = file.read(8)
    if not start:
        raise TgvigError(f"{path} is empty (0 bytes); copy it again from the camera.")
    file.seek(0)
    # One switch for the whole process, and WeasyPrint turns it on when it is imported: half a photo would count as a
    # whole one with a grey rest.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        image = Image.open(file, formats=FORMATS)
        _judge_header(path, image, max_pixels)
        image.load()
        return np.asarray(_upright_rgb(path, image))
    except (TgvigError, MemoryError):
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels(_too_large(path, "far more pixels", max_pixels)) from error
    # A decoder meets a stranger's bytes here: a broken file makes Pillow raise anything from SyntaxError to KeyError.
    except Exception as error:
        raise _broken(path, start, error) from error


def _judge_header(path: Path | str, image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise TooManyPixels(_too_large(path, f"{width}×{height} pixels", max_pixels))
    if min(width, height) < MIN_SIDE:
        raise TgvigError(
            f"{path} has {width}×{height} pixels, fewer than {MIN_SIDE} on a side; take a larger photo of the part."
        )
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise TgvigError(f"{path} holds {frames} pictures (animated or several pages); save the one you mean as PNG.")


def _too_large(path: Path | str, size: str, max_pixels: int) -> str:
    return (
        f"{path} has {size}, over the limit of {max_pixels / 1e6:g} megapixels; crop it to the part or scale it down."
    )


def _broken(path: Path | str, start: bytes, error: Exception) -> TgvigError:
    if not isinstance(error, UnidentifiedImageError):
        return TgvigError(f"{path} is damaged or cut short ({error}); copy it again from the camera.")
    # Pillow also says "cannot identify" of a known format whose header is cut short.
    if start.startswith(_MAGIC):
        return TgvigError(f"{path} is damaged or cut short (its header cannot be read); copy it again from the camera.")
    return UnknownFormat(
        f"{path} is not a photo of a known format ({_READS}), whatever its name says; "
        "open it in an image program and save it as PNG."
    )


def _upright_rgb(path: Path | str, image: Image.Image) -> Image.Image:
    # Pillow turns a TIFF upright itself while loading and then forgets its orientation, so no photo is turned twice.
    orientation = image.getexif().get(_ORIENTATION)
    if image.mode == "F" or image.mode.startswith("I"):
        rgb = _from_deep_grey(path, image)
    elif image.has_transparency_data:
        rgba = image.convert("RGBA")
        rgb = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    else:
        rgb = image.convert("RGB")
    return rgb.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else rgb


def _from_deep_grey(path: Path | str, image: Image.Image) -> Image.Image:
    tags = getattr(image, "tag_v2", {})
    values = np.asarray(image)
    white = 4095 if tags.get(_BITS) == (12,) else 65535
    if image.mode == "F" or values.min() < 0 or values.max() > white:
        raise TgvigError(
            f"{path} holds {'floating-point' if image.mode == 'F' else '32-bit or signed'} numbers without a known "
            "white; save it as 8-bit or 16-bit grey."
        )
    scaled = np.rint(values * np.float32(255 / white)).astype(np.uint8)
    # Pillow inverts white-is-zero TIFFs of 8 bits but not those of 16.
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        scaled = 255 - scaled
    return Image.fromarray(scaled).convert("RGB")
