"""Photos whose pixels are sound and whose descriptions are not: EXIF, colour profiles, CMYK, several pictures in one."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import tifffile
from PIL import Image, ImageCms

from tests.robustness.corpus import Case, drawn, seen_by_opencv
from tests.robustness.corpus_whole import saved

TURNS = {
    1: lambda p: p, 2: lambda p: np.fliplr(p), 3: lambda p: np.rot90(p, 2), 4: lambda p: np.flipud(p),
    5: lambda p: np.fliplr(np.rot90(p, -1)), 6: lambda p: np.rot90(p, -1), 7: lambda p: np.fliplr(np.rot90(p)),
    8: lambda p: np.rot90(p),
}  # fmt: skip


def cases(rng: np.random.Generator) -> Iterator[Case]:
    yield from _orientations(rng)
    yield from _broken_exif(rng)
    yield from _profiles(rng)
    yield from _cmyk(rng)
    yield from _several(rng)


def exif(entries: list[tuple[int, int, int, bytes]], order: str = "<") -> bytes:
    """EXIF with one directory; an entry is tag, type, count and four bytes."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    rows = b"".join(struct.pack(order + "HHI", tag, kind, count) + value for tag, kind, count, value in entries)
    return b"Exif\0\0" + head + rows + bytes(4)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG's chunk (PNG 3rd edition, section 5.3)."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(png: bytes, kind: bytes, data: bytes) -> bytes:
    """A PNG with a chunk after its header."""
    return png[:33] + chunk(kind, data) + png[33:]


def with_segment(jpeg: bytes, number: int, data: bytes) -> bytes:
    """A JPEG with an APPn segment in front."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, 0xE0 + number, len(data) + 2) + data + jpeg[2:]


def _carried(pixels: np.ndarray, block: bytes) -> Iterator[tuple[str, bytes, np.ndarray, int]]:
    """The block of EXIF in a PNG, a JPEG and a WebP: extension, file, pixels as stored, tolerance."""
    jpeg = saved(pixels, "jpg", quality=95)
    yield "png", with_chunk(saved(pixels, "png"), b"eXIf", block[6:]), pixels, 0
    yield "jpg", with_segment(jpeg, 1, block), seen_by_opencv(jpeg), 4
    yield "webp", saved(pixels, "webp", lossless=True, exif=block), pixels, 0


def _orientations(rng: np.random.Generator) -> Iterator[Case]:
    pixels = drawn(rng, 60, 90)
    for turn, upright in TURNS.items():
        for order in "<>":
            value = struct.pack(order + "HH", turn, 0)
            for kind, content, stored, within in _carried(pixels, exif([(274, 3, 1, value)], order)):
                name = f"turn{turn}{'le' if order == '<' else 'be'}.{kind}"
                yield Case("EXIF orientation", name, content, "read", upright(stored), within)


def _broken_exif(rng: np.random.Generator) -> Iterator[Case]:
    """A value that is none of 1 to 8 turns nothing; what cannot be parsed is refused or turns nothing."""
    pixels = drawn(rng, 60, 90)
    right = exif([(274, 3, 1, struct.pack("<HH", 1, 0))])
    blocks = {
        "zero": exif([(274, 3, 1, bytes(4))]), "nine": exif([(274, 3, 1, b"\t\0\0\0")]),
        "large": exif([(274, 3, 1, b"\xff\xff\0\0")]), "text": exif([(274, 2, 4, b"up!\0")]),
        "many": exif([(274, 3, 1000, b"\x08\0\0\0")]), "far": exif([(274, 3, 9, b"\xff\xff\xff\x7f")]),
        "kind": exif([(274, 99, 1, b"\x03\0\0\0")]), "cut": right[:17], "empty": b"Exif\0\0",
        "loop": right[:-4] + struct.pack("<I", 8), "rational": exif([(274, 5, 1, b"\x08\0\0\0")]),
        "inner": exif([(34665, 4, 1, struct.pack("<I", 8))]), "noise": b"Exif\0\0" + rng.bytes(200),
        "claims": right[:14] + b"\xff\xff" + right[16:],
    }  # fmt: skip
    for name, block in blocks.items():
        for kind, content, stored, within in _carried(pixels, block):
            yield Case("EXIF damage", f"exif_{name}.{kind}", content, "either", stored, within)


def _profiles(rng: np.random.Generator) -> Iterator[Case]:
    """No profile is applied, so the pixels are those of the file, whatever the profile."""
    pixels = drawn(rng)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    profiles = {
        "srgb": srgb, "lab": lab, "cut": srgb[:100], "noise": rng.bytes(3000), "zeros": bytes(128), "large": srgb + bytes(800_000),
        "claims": b"\x7f\xff\xff\xff" + srgb[4:],
    }  # fmt: skip
    for name, profile in profiles.items():
        for kind in ("png", "jpg", "tif", "webp"):
            content = saved(pixels, kind, icc_profile=profile, **({"lossless": True} if kind == "webp" else {}))
            read = seen_by_opencv(saved(pixels, "jpg")) if kind == "jpg" else pixels
            yield Case("colour profiles", f"icc_{name}.{kind}", content, "either" if name == "large" else "read", read,
                       4 * (kind == "jpg"))  # fmt: skip
    png, jpeg = saved(pixels, "png"), saved(pixels, "jpg")
    for name, data in {
        "nothing": b"",
        "no_name": b"\0",
        "method": b"a\0\7x",
        "torn": b"a\0\0" + zlib.compress(srgb)[:50],
    }.items():
        yield Case("colour profiles", f"iccp_{name}.png", with_chunk(png, b"iCCP", data), "either", pixels)
    for name, data in {
        "part9of2": b"ICC_PROFILE\0\x09\x02abc",
        "part0of0": b"ICC_PROFILE\0\0\0",
        "bare": b"ICC_PROFILE\0",
    }.items():
        content = with_segment(jpeg, 2, data)
        yield Case("colour profiles", f"icc_{name}.jpg", content, "either", seen_by_opencv(jpeg), 4)
    yield Case("colour profiles", "gamma.png", with_chunk(png, b"gAMA", struct.pack(">I", 1)), "read", pixels)


def _cmyk(rng: np.random.Generator) -> Iterator[Case]:
    """r = (255 − c)(255 − k) / 255, to which Pillow's own rounding adds little."""
    inks = rng.integers(0, 256, (64, 80, 4), dtype=np.uint8)
    smooth = np.stack([drawn(rng, 64, 80)[..., at] for at in (0, 1, 2, 0)], axis=-1)
    for name, given, options, within in (
        ("tiff", inks, {"format": "TIFF"}, 2), ("lzw", inks, {"format": "TIFF", "compression": "tiff_lzw"}, 2),
        ("jpeg", smooth, {"format": "JPEG", "quality": 100, "subsampling": 0}, 24),
    ):  # fmt: skip
        file = io.BytesIO()
        Image.frombytes("CMYK", (80, 64), given.tobytes()).save(file, **options)
        plain = (255 - given[..., :3].astype(float)) * (255 - given[..., 3:].astype(float)) / 255
        content = file.getvalue()
        suffix = "jpg" if name == "jpeg" else "tif"
        yield Case("CMYK", f"cmyk_{name}.{suffix}", content, "read", np.rint(plain).astype(np.uint8), within)


def _several(rng: np.random.Generator) -> Iterator[Case]:
    first, second = (Image.fromarray(drawn(rng, 40, 40)) for _ in range(2))
    for count in (1, 5, 60):
        for kind, suffix in (("PNG", "png"), ("WEBP", "webp"), ("TIFF", "tif"), ("GIF", "gif")):
            file = io.BytesIO()
            more = [second, first] * count
            first.save(file, kind, save_all=True, append_images=more)
            yield Case("animated, several pages", f"several{count}.{suffix}", file.getvalue(), "refused")
    yield from _headed(np.asarray(first), np.asarray(second))
    file = io.BytesIO()
    first.save(file, "MPO", save_all=True, append_images=[second])
    yield Case("animated, several pages", "phone.jpg", file.getvalue(), "read", seen_by_opencv(file.getvalue()), 4)


def _headed(first: np.ndarray, second: np.ndarray) -> Iterator[Case]:
    """TIFFs with the wrong heads that Pillow takes, of one picture and of two."""
    for name, order, head in (("le", "<", b"II\0*"), ("be", ">", b"MM*\0"), ("be_big", ">", b"MM\0+")):
        for count in (1, 2):
            file = io.BytesIO()
            with tifffile.TiffWriter(file, byteorder=order) as written:
                for pixels in (first, second)[:count]:
                    written.write(pixels, photometric="rgb", metadata=None)
            content = head + file.getvalue()[4:]
            if count == 1:
                yield Case("animated, several pages", f"head_{name}.tif", content, "read", first)
            else:
                yield Case("animated, several pages", f"heads_{name}.tif", content, "refused", words="2 pictures")
