"""Photos cut short and with flipped bits, and files that are no photos at all."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tests.robustness.corpus import Case, drawn, sample, seen_by_opencv
from tests.robustness.corpus_whole import saved

KINDS = {
    "png": {}, "jpg": {"quality": 90}, "progressive.jpg": {"progressive": True}, "tif": {}, "lzw.tif": {"compression": "tiff_lzw"},
    "webp": {"lossless": True}, "lossy.webp": {"quality": 85}, "bmp": {},
}  # fmt: skip
SHARES = (0.001, 0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99)
FLIPS = 18


def cases(rng: np.random.Generator) -> Iterator[Case]:
    yield from _cut(rng)
    yield from _flipped(rng)
    yield from _no_photos(rng)


def _cut(rng: np.random.Generator) -> Iterator[Case]:
    """Refused; only of the last bytes, which hold no pixels, the whole picture may be left."""
    for kind, options in KINDS.items():
        pixels = sample(rng)
        content = saved(pixels, kind, **options)
        for share in SHARES:
            end = max(1, int(len(content) * share))
            yield Case("cut short", f"cut_{share}_{kind}", content[:end], "refused")
        for bytes_less in (1, 3):
            short = content[:-bytes_less]
            whole = seen_by_opencv(content) if kind not in ("webp", "png") else pixels
            yield Case("cut short", f"cut_last{bytes_less}_{kind}", short, "either", whole, 4)


def _flipped(rng: np.random.Generator) -> Iterator[Case]:
    """One to eight bits. A PNG holds checksums and must be refused or give its own pixels; of the other formats a flipped bit may
    be a valid file of another picture: then it must be the one that OpenCV sees."""
    for kind, options in KINDS.items():
        for at in range(FLIPS):
            pixels = drawn(rng)
            content = bytearray(saved(pixels, kind, **options))
            most = len(content) if at % 2 else min(len(content), 400)  # every other one in the header
            for place in rng.integers(0, most, rng.integers(1, 9)):
                content[place] ^= 1 << rng.integers(8)
            read = pixels if kind == "png" else seen_by_opencv(bytes(content))
            yield Case("flipped bits", f"flip{at}_{kind}", bytes(content), "either", read, 6)


def _no_photos(rng: np.random.Generator) -> Iterator[Case]:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for name in ("../../etc/cron.d/x", "/etc/passwd", "..\\..\\x.png", "C:\\x.png", "a/../../x.png"):
            zipped.writestr(zipfile.ZipInfo(name), "climbs out")  # no time of day
    gif, ico, ppm = io.BytesIO(), io.BytesIO(), io.BytesIO()
    for file, kind in ((gif, "GIF"), (ico, "ICO"), (ppm, "PPM")):
        Image.fromarray(drawn(rng, 64, 64)).save(file, kind)
    svg = b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg" '
    files = {
        "svg": svg + b'onload="alert(1)"><image href="file:///etc/passwd"/></svg>',
        "html": b"<!doctype html><script>alert(1)</script><img src=x onerror=alert(1)>", "zip": archive.getvalue(),
        "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF", "ps": b"%!PS\n{ } loop",
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99999 99999\n",
        "gif": gif.getvalue(), "ico": ico.getvalue(), "ppm": ppm.getvalue(), "exe": b"MZ" + rng.bytes(500),
        "elf": b"\x7fELF" + rng.bytes(500), "json": json.dumps({"a": [1] * 50}).encode(),
        "pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
        "npy": b"\x93NUMPY\x01\0v\0{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "text": "größe\n".encode("utf-16"),
        "heic": b"\0\0\0\x18ftypheic" + rng.bytes(200), "avif": b"\0\0\0\x1cftypavif" + rng.bytes(200),
        "mp4": b"\0\0\0\x18ftypmp42" + rng.bytes(99),
        "dicom": bytes(128) + b"DICM" + rng.bytes(100), "psd": b"8BPS\0\1" + rng.bytes(100),
        "jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + rng.bytes(99),
        "xcf": b"gimp xcf file\0" + rng.bytes(100), "nothing": b"", "byte": b"\x89", "newlines": b"\n" * 5000, "zeros": bytes(5000),
    }  # fmt: skip
    for place, (name, content) in enumerate(files.items()):
        yield Case(
            "no photos", f"no_photo_{name}.{('png', 'jpg', 'tif', 'webp', 'bmp')[place % 5]}", content, "refused"
        )
    starts = {
        "png": b"\x89PNG\r\n\x1a\n",
        "jpg": b"\xff\xd8\xff\xe0",
        "tif": b"II*\0",
        "webp": b"RIFF",
        "bmp": b"BM",
        "big.tif": b"MM\0+",
    }
    for kind, start in starts.items():
        for length in (0, 7, 3000):
            yield Case("no photos", f"start{length}_{kind}", start + rng.bytes(length), "refused")
