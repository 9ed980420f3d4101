"""Photos that must be read right: every format, depth, layout and size that is taken, names that lie, polyglots."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator

import numpy as np
import tifffile
from PIL import Image

from tests.robustness.corpus import Case, drawn, sample, seen_by_opencv

LOSSLESS = {
    "png": {}, "bmp": {}, "webp": {"lossless": True}, "tiff": {}, "lzw.tif": {"compression": "tiff_lzw"},
    "deflate.tif": {"compression": "tiff_adobe_deflate"}, "packbits.tif": {"compression": "packbits"},
}  # fmt: skip
LOSSY = {
    "jpg": {"quality": 90}, "444.jpg": {"quality": 95, "subsampling": 0}, "progressive.jpg": {"progressive": True},
    "webp": {"quality": 85}, "jpeg.tif": {"compression": "jpeg"},
}  # fmt: skip
PILLOW = {"png": "PNG", "bmp": "BMP", "webp": "WEBP", "jpg": "JPEG", "tif": "TIFF", "tiff": "TIFF"}


def saved(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    """A file by Pillow; `kind` ends with the extension."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, PILLOW[kind.rpartition(".")[2]], **options)
    return file.getvalue()


def cases(rng: np.random.Generator) -> Iterator[Case]:
    yield from _formats(rng)
    yield from _sizes(rng)
    yield from _depths(rng)
    yield from _wrong_names(rng)
    yield from _polyglots(rng)


def _formats(rng: np.random.Generator) -> Iterator[Case]:
    for round in range(4):
        pixels = sample(rng) if round % 2 else drawn(rng, 97 + round, 131)
        for kind, options in LOSSLESS.items():
            yield Case("whole photos", f"whole{round}_{kind}", saved(pixels, kind, **options), "read", pixels)
        for kind, options in LOSSY.items():
            content = saved(pixels, kind, **options)
            yield Case("whole photos", f"lossy{round}_{kind}", content, "read", seen_by_opencv(content), 4)


def _sizes(rng: np.random.Generator) -> Iterator[Case]:
    for width, height in ((1, 1), (1, 20000), (20000, 1), (31, 32), (32, 31), (2, 2), (31, 5000)):
        pixels = drawn(rng, height, width)
        for kind in ("png", "tif", "jpg"):
            name = f"size_{width}x{height}.{kind}"
            yield Case("odd sizes", name, saved(pixels, kind), "refused", words="fewer than 32 on a side")
    for width, height in ((32, 32), (32, 20000), (20000, 32), (33, 47), (6000, 500)):
        pixels = drawn(rng, height, width)
        for kind in ("png", "bmp", "tif"):
            yield Case("odd sizes", f"size_{width}x{height}.{kind}", saved(pixels, kind), "read", pixels)


def _depths(rng: np.random.Generator) -> Iterator[Case]:
    """Written by tifffile or Pillow from arrays; the grey values expected are worked out here."""
    grey = drawn(rng)[..., 0]
    deep = grey.astype(np.uint16) * 257
    rgb = np.repeat(grey[..., None], 3, axis=2)
    colour = drawn(rng)

    def tiff(
        name: str, data: np.ndarray, expected: str, pixels=None, words: str = "", within: int = 0, **options
    ) -> Case:
        file = io.BytesIO()
        tifffile.imwrite(file, data, **options)
        return Case("depths and layouts", f"depth_{name}.tif", file.getvalue(), expected, pixels, within, words)

    black = {"photometric": "minisblack"}
    for order in "<>":
        for layout in ({}, {"tile": (32, 32)}, {"compression": "zlib"}, {"rowsperstrip": 7}, {"bigtiff": True}):
            name = f"{'le' if order == '<' else 'be'}_{'_'.join(layout) or 'plain'}"
            # Pillow does not know a BigTIFF of this byte order
            must = "refused" if name == "be_bigtiff" else "read"
            yield tiff(f"grey16_{name}", deep, must, rgb, byteorder=order, **black, **layout)
            yield tiff(f"rgb8_{name}", colour, must, colour, byteorder=order, photometric="rgb", **layout)
    yield tiff("white_is_zero", 255 - grey, "read", rgb, photometric="miniswhite")
    yield tiff("planar", colour.transpose(2, 0, 1), "either", colour, photometric="rgb", planarconfig="separate")
    yield tiff("rgb16", colour.astype(np.uint16) * 257, "read", colour, photometric="rgb")
    yield tiff("predictor", colour, "read", colour, photometric="rgb", compression="zlib", predictor=True)
    yield tiff("extra", np.dstack([colour, grey]), "either", colour, photometric="rgb", extrasamples=["unspecified"])
    for kind in (np.float16, np.float32, np.float64):
        yield tiff(np.dtype(kind).name, grey.astype(kind) / 255, "refused", **black)
    for kind in (np.int8, np.int16, np.int32, np.uint32, np.int64, np.uint64, np.complex64):
        yield tiff(
            f"{np.dtype(kind).name}",
            (grey.astype(np.int64) - 100).astype(kind),
            "either" if kind is np.uint32 else "refused",
            **black,
        )
    yield tiff("pages", np.stack([grey, grey, grey]), "refused", words="3 pictures", **black)
    green = colour.copy()
    green[-1, 1:3] = (0, 1, 9), (200, 0, 0)  # bytes 30 to 33 are 1, 0, 0, 0: in a later header that means run lengths
    yield Case("depths and layouts", "depth_os2.bmp", os2(green), "read", green)
    for mode in ("1", "L", "P", "LA", "RGBA", "PA"):
        if mode != "PA":
            yield _by_pillow(mode, colour)


def os2(pixels: np.ndarray) -> bytes:
    """A BMP with the header of OS/2, of 12 bytes."""
    height, width = pixels.shape[:2]
    rows = np.zeros((height, -(-width * 3 // 4) * 4), np.uint8)
    rows[:, : width * 3] = pixels[::-1, :, ::-1].reshape(height, -1)
    header = struct.pack("<IHHHH", 12, width, height, 1, 24)
    return b"BM" + struct.pack("<IHHI", 26 + rows.size, 0, 0, 26) + header + rows.tobytes()


def _by_pillow(mode: str, colour: np.ndarray) -> Case:
    """In a mode of Pillow's; on white, as the rule for transparency says, worked out with NumPy."""
    image = Image.fromarray(colour).convert(mode)
    if mode in ("LA", "RGBA"):
        alpha = (np.arange(colour.shape[1]) % 256).astype(np.uint8)[None].repeat(len(colour), 0)
        image.putalpha(Image.fromarray(alpha))
    file = io.BytesIO()
    image.save(file, "PNG")
    if mode in ("LA", "RGBA"):
        shown = np.array(Image.fromarray(colour).convert(mode[:-1]).convert("RGB"), dtype=float)
        share = alpha[..., None] / 255
        pixels = np.rint(shown * share + 255 * (1 - share)).astype(np.uint8)
    else:
        pixels = seen_by_opencv(file.getvalue())
    return Case("depths and layouts", f"depth_{mode}.png", file.getvalue(), "read", pixels, 1)


def _wrong_names(rng: np.random.Generator) -> Iterator[Case]:
    pixels = drawn(rng)
    for kind in ("png", "bmp", "tif", "webp"):
        content = saved(pixels, kind, **({"lossless": True} if kind == "webp" else {}))
        for wrong in ("png", "jpg", "tif", "webp", "bmp"):
            if wrong != kind:
                yield Case("wrong extensions", f"really_{kind}.{wrong}", content, "read", pixels)


def _polyglots(rng: np.random.Generator) -> Iterator[Case]:
    pixels = drawn(rng)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr(zipfile.ZipInfo("../../climbs.txt"), "out")
    behind = {
        "zip": archive.getvalue(), "html": b"<script>alert(1)</script>", "pdf": b"%PDF-1.7\n%%EOF", "png": saved(pixels, "png"),
        "zeros": bytes(100_000), "exe": b"MZ" + bytes(200), "pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
    }  # fmt: skip
    for kind in ("png", "bmp", "tif", "webp", "jpg"):
        content = saved(pixels, kind, **({"lossless": True} if kind == "webp" else {}))
        read = seen_by_opencv(content) if kind == "jpg" else pixels
        for name, tail in behind.items():
            # what follows a WebP lies outside its RIFF, which a decoder may complain of
            expected = "either" if kind == "webp" else "read"
            yield Case("polyglots", f"poly_{kind}_{name}.{kind}", content + tail, expected, read, 4 * (kind == "jpg"))
            yield Case("polyglots", f"poly_{name}_before.{kind}", tail + content, "either" if name == "png" else "refused",
                       pixels)  # fmt: skip
