"""Small files that ask for gigabytes or for minutes, and photos at the very limit, which must still be read."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.robustness.corpus import Case, drawn
from tests.robustness.corpus_odd import chunk, exif, with_chunk, with_segment
from tests.robustness.corpus_whole import saved

BOMBS, LIMIT = "decompression and parsing bombs", "photos at the limit of 64 megapixels"
SIDE = 8000


def cases(rng: np.random.Generator, quick: bool = False) -> Iterator[Case]:
    pixels = drawn(rng, 64, 64)
    for name, content in (*_large(), *_png(pixels), *_jpeg(pixels), *_tiff(pixels), *_other(pixels)):
        yield Case(BOMBS, f"bomb_{name}", content, "either" if name == "count.tif" else "refused", pixels)
    for name, content, colour in () if quick else _at_the_limit():
        yield Case(LIMIT, f"limit_{name}", content, "read", np.broadcast_to(np.uint8(colour), (SIDE, SIDE, 3)))


def png(width: int, height: int, rows: bytes, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG whatever its header says."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")


def _large() -> Iterator[tuple[str, bytes]]:
    """Sizes beyond the limit in the header."""
    for width, height in (
        (SIDE + 1, SIDE),
        (20_000, 20_000),
        (60_000, 60_000),
        (2**31 - 1, 2**31 - 1),
        (0, 0),
        (2**31 - 1, 1),
    ):
        yield f"{width}x{height}.png", png(width, height, bytes(1_000_000))
        bmp = (
            b"BM"
            + struct.pack("<IHHI", 100, 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
        )
        yield f"{width}x{height}.bmp", bmp + bytes(46)
        tags = [
            (256, 4, width),
            (257, 4, height),
            (258, 3, 8),
            (259, 3, 8),
            (262, 3, 1),
            (273, 4, 8),
            (278, 4, height),
            (279, 4, 99),
        ]
        entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
        yield f"{width}x{height}.tif", b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(200)
    jpeg = bytearray(saved(np.zeros((64, 64, 3), np.uint8), "jpg"))
    at = jpeg.find(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 65_500, 65_500)
    yield "65500.jpg", bytes(jpeg)
    for width, height in ((16_383, 16_383), (16_383, 4_000)):
        body = (
            b"VP8X" + struct.pack("<II", 10, 0) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        )
        yield f"{width}x{height}.webp", b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    gif = b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + b"\0\0\0;"
    yield "large.gif", gif


def _png(pixels: np.ndarray) -> Iterator[tuple[str, bytes]]:
    whole, zeros = saved(pixels, "png"), zlib.compress(bytes(200_000_000), 1)
    yield "ztxt.png", with_chunk(whole, b"zTXt", b"a\0\0" + zeros)
    yield "itxt.png", with_chunk(whole, b"iTXt", b"a\0\1\0\0\0" + zeros)
    yield "iccp.png", with_chunk(whole, b"iCCP", b"a\0\0" + zeros)
    megabyte = zlib.compress(bytes(1_000_000), 9)
    yield (
        "many_ztxt.png",
        whole[:33] + b"".join(chunk(b"zTXt", b"%d\0\0" % k + megabyte) for k in range(400)) + whole[33:],
    )
    yield "many_iccp.png", whole[:33] + chunk(b"iCCP", b"a\0\0" + megabyte) * 5000 + whole[33:]
    yield "many_chunks.png", whole[:33] + chunk(b"prVt", b"") * 1_000_000 + whole[33:]
    yield "many_chunks_behind.png", whole[:-12] + chunk(b"prVt", b"") * 1_000_000 + whole[-12:]
    yield "many_idat.png", whole[:-12] + chunk(b"IDAT", b"") * 1_000_000 + whole[-12:]
    yield "exif.png", with_chunk(whole, b"eXIf", _tags()[6:])
    fewer = _tags(200_000, 800)
    yield "exif_head.png", with_chunk(whole, b"eXIf", b"II\0*" + fewer[10:])
    yield "exif_twice.png", with_chunk(whole, b"eXIf", b"Exif\0\0" + fewer)
    yield (
        "raw_exif.png",
        with_chunk(whole, b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(_raw(_tags(100_000, 400)))),
    )
    yield "frames.png", with_chunk(whole, b"acTL", struct.pack(">II", 2**31 - 1, 0))


def _raw(block: bytes) -> bytes:
    return b"\nexif\n  %d\n" % len(block) + block.hex().encode()


def _jpeg(pixels: np.ndarray) -> Iterator[tuple[str, bytes]]:
    whole = saved(pixels, "jpg")
    yield "comments.jpg", whole[:2] + b"\xff\xfe\0\2" * 4_000_000 + whole[2:]
    yield "fill.jpg", whole[:2] + b"\xff" * 8_000_000 + whole[2:]
    file = io.BytesIO()
    Image.new("L", (SIDE, SIDE), 90).save(file, "JPEG", progressive=True)
    wide = file.getvalue()
    last = wide[wide.rfind(b"\xff\xda") : -2]
    yield "passes.jpg", wide[:-2] + last * 3000 + b"\xff\xd9"
    block, jpeg = _tags(), whole
    for start in range((len(block) - 6) // 60_000 * 60_000, -1, -60_000):  # the last goes in first: each lands in front
        jpeg = with_segment(jpeg, 1, b"Exif\0\0" + block[6 + start : 6 + start + 60_000])
    yield "exif.jpg", jpeg
    shared = [(45_057, 4, 1, struct.pack("<I", 2))] + [(50_000 + k, 3, 20_000, struct.pack("<I", 8)) for k in range(60)]
    yield "mpf.jpg", with_segment(whole, 2, b"MPF\0" + exif(shared)[6:] + bytes(range(256)) * 160)


def _tags(size: int = 3_000_000, tags: int = 1500) -> bytes:
    """EXIF whose tags all point at the same bytes."""
    return exif([(40_000 + k, 1, size, struct.pack("<I", 8)) for k in range(tags)]) + bytes(size)


def _tiff(pixels: np.ndarray) -> Iterator[tuple[str, bytes]]:
    whole = saved(pixels, "tif")
    first = struct.unpack_from("<I", whole, 4)[0]
    count = struct.unpack_from("<H", whole, first)[0]
    own = whole[first + 2 : first + 2 + 12 * count]

    def directory(rows: bytes, after: int = 0) -> bytes:
        return struct.pack("<H", len(rows) // 12) + rows + struct.pack("<I", after)

    at, step = len(whole), len(own) + 6
    moved = whole[:4] + struct.pack("<I", at) + whole[8:]
    chain = b"".join(directory(own, at + step * (k + 1) if k < 79_999 else 0) for k in range(80_000))
    yield "pages.tif", moved + chain
    yield "pages_head.tif", b"II\0*" + (moved + chain)[4:]
    same = b"".join(struct.pack("<HHII", 40_000 + k, 1, 3_000_000, 8) for k in range(1500))
    yield "tags.tif", moved + directory(own + same) + bytes(3_000_000)
    yield "tags_head.tif", b"II\0*" + (moved + directory(own + same))[4:] + bytes(3_000_000)
    inner = own + struct.pack("<HHII", 34_665, 4, 1, at + step + 12)
    yield "inner_tags.tif", moved + directory(inner) + directory(same) + bytes(3_000_000)
    yield "count.tif", moved + struct.pack("<H", 65_535) + own * 3
    yield from _many_numbers()
    file = io.BytesIO()
    Image.new("F", (SIDE, SIDE)).save(file, "TIFF", compression="tiff_adobe_deflate")
    yield "float.tif", file.getvalue()


def _many_numbers() -> Iterator[tuple[str, bytes]]:
    """TIFFs of which one tag holds 300,000 numbers, each of which becomes an object."""
    tags = ((256, 64), (257, 64), (258, 8), (259, 1), (262, 1), (277, 1), (278, 1))
    for name, tag, more in (
        ("strips", 273, ()),
        ("tiles", 324, ((322, 16), (323, 16))),
        ("resolutions", 282, ((273, 8),)),
    ):
        rows = b"".join(struct.pack("<HHII", key, 4, 1, value) for key, value in (*tags, *more))
        count = len(rows) // 12 + 1
        rows += struct.pack("<HHII", tag, 4, 300_000, 14 + 12 * count)  # the numbers lie behind
        yield f"{name}.tif", b"II*\0\x08\0\0\0" + struct.pack("<H", count) + rows + bytes(4 + 1_200_000)


def _other(pixels: np.ndarray) -> Iterator[tuple[str, bytes]]:
    header = b"BM" + struct.pack("<IHHI", 1078, 0, 0, 1078)
    for kind in (1, 2):
        info = struct.pack("<IiiHHIIiiII", 40, SIDE, 2500, 1, 8 // kind, kind, 0, 0, 0, 256 // kind**4, 0)
        yield f"rle{kind}.bmp", header + info + bytes(1024) + b"\x01\x05" * 5_000_000
    yield "exif.webp", saved(pixels, "webp", exif=_tags())
    yield "long_riff.webp", b"RIFF\xff\xff\xff\xffWEBPVP8L\xff\xff\xff\xff" + bytes(5_000_000)


def _at_the_limit() -> Iterator[tuple[str, bytes, tuple[int, int, int]]]:
    yield "rgb.png", png(SIDE, SIDE, (b"\0" + b"\x0a\x14\x1e" * SIDE) * SIDE), (10, 20, 30)
    yield "rgba16.png", png(SIDE, SIDE, bytes(SIDE * (1 + 8 * SIDE)), 16, 6), (255, 255, 255)
    yield "grey16.png", png(SIDE, SIDE, (b"\0" + b"\x80\x80" * SIDE) * SIDE, 16, 0), (128, 128, 128)
    for name, options in (("l.jpg", {"progressive": True}), ("l.tif", {"compression": "tiff_lzw"}), ("l.bmp", {})):
        file = io.BytesIO()
        Image.new("L", (SIDE, SIDE), 128).save(file, {"jpg": "JPEG", "tif": "TIFF", "bmp": "BMP"}[name[2:]], **options)
        yield name, file.getvalue(), (128, 128, 128)
    file = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (128, 128, 128)).save(file, "JPEG", progressive=True)
    yield "rgb.jpg", file.getvalue(), (128, 128, 128)
