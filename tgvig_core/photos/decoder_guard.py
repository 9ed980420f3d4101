"""What a photo file asks of its decoder, counted before one begins: a few bytes may ask for minutes or for gigabytes.

Pillow follows a file's chunks, segments and pages one by one in Python, and loads every value that a directory of tags
points at, however many of them point at the same bytes. Here the structure alone is walked. Sources: PNG (W3C, 3rd
edition), JPEG (ITU-T T.81, annex B), TIFF 6.0 section 2, BigTIFF, BITMAPINFOHEADER.
"""

from __future__ import annotations

import io
import re
import struct
from typing import BinaryIO

MAX_BYTES = 600_000_000
"""The largest file: 64 megapixels of 4 × 16 bits take 512 MB."""
PIXEL_CHUNKS, OTHER_CHUNKS = 100_000, 500
"""Of a PNG. 64 megapixels in chunks of 8 kB are 25,000."""
SEGMENTS, SCANS, FILL = 2000, 30, 10_000
"""Of a JPEG: its segments, its passes over the picture (progressive files have about 10), bytes between its segments."""
PAGES = 100
"""Of a TIFF that are counted."""
STRIPS, NUMBERS = 70_000, 1000
"""Of a TIFF: its strips or tiles, for each of which Pillow makes an object (64 megapixels in tiles of 32 × 32 are 62,500), and
the numbers in any other tag that Pillow takes apart into Python's."""
_IN_PIXELS = (b"IDAT", b"fdAT", b"fcTL")
_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])")  # in coded pixels, 0xff is followed by 0 or a restart (d0 to d7)
_ALONE = (0x01, 0xD8)
_EOI, _SOS, _APP1, _APP2 = 0xD9, 0xDA, 0xE1, 0xE2
_TIFF = (
    b"II*\0",
    b"MM\0*",
    b"II\0*",
    b"MM*\0",
    b"II+\0",
    b"MM\0+",
)  # the third and fourth are wrong, and Pillow reads them
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INNER = {34665, 34853, 40965}  # directories inside the first: EXIF, GPS, interoperability
_STRIPS = {273, 279, 320, 324, 325}  # where strips and tiles lie, and their bytes; a palette's colours
_FEW = {256, 257, 258, 259, 262, 266, 274, 277, 278, 282, 283, 284, 296, 322, 323, 338, 339, 530}
_TEXTS = {700, 34675}  # XMP, colour profile: bytes, unless they say that they are numbers
_MOST = dict.fromkeys(_STRIPS, STRIPS) | dict.fromkeys(_FEW, NUMBERS)


class Excess(Exception):
    """The file asks for more than a photo does; the message says of what."""


def pages(file: BinaryIO) -> int:
    """Walk a photo's structure; the number of a TIFF's pages, 1 for every other format.

    What is damaged is left to the decoder, which says so.

    Raises:
        Excess: too many bytes, parts, passes, pages, strips or numbers, more values than bytes, or a run-length BMP, which
            Pillow unpacks in Python.
    """
    size = file.seek(0, io.SEEK_END)
    if size > MAX_BYTES:
        raise Excess(f"{size / 1e6:.0f} MB")
    file.seek(0)
    start = file.read(34)
    file.seek(0)
    if start.startswith(b"\x89PNG"):
        _walk_png(file)
    elif start.startswith(b"\xff\xd8"):
        _walk_jpeg(file.read())
    elif start.startswith(b"BM") and len(start) == 34:
        _check_bmp(start)
    elif start[:4] in _TIFF:
        return Directories(file, size).pages()
    return 1


def check_exif(exif: bytes) -> None:
    """Refuse a block of EXIF whose values take more bytes than it has.

    Raises:
        Excess: it is one.
    """
    while exif.startswith(b"Exif\0\0"):  # as Pillow does
        exif = exif[6:]
    _check_tags(exif)


def _check_tags(block: bytes) -> None:
    if block[:4] in _TIFF:
        Directories(io.BytesIO(block), len(block)).pages()


def _check_bmp(start: bytes) -> None:
    header, coding = struct.unpack_from("<I", start, 14)[0], struct.unpack_from("<I", start, 30)[0]
    if header >= 40 and coding in (1, 2):  # behind OS/2's header of 12 bytes colours lie there
        raise Excess("run-length coding")


def _walk_png(file: BinaryIO) -> None:
    file.seek(8)
    counts = [0, 0]
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IEND":
            return
        counts[kind in _IN_PIXELS] += 1
        if counts[0] > OTHER_CHUNKS or counts[1] > PIXEL_CHUNKS:
            raise Excess(f"over {sum(counts) - 1} chunks")
        file.seek(length + 4, io.SEEK_CUR)


def _walk_jpeg(data: bytes) -> None:
    at, segments, scans, fill, exif = 2, 0, 0, 0, b""
    while found := _MARKER.search(data, at):
        fill += 0 if scans else found.start() - at
        kind, at = found[1][0], found.end()
        if kind == _EOI:
            break
        length = 0 if kind in _ALONE else int.from_bytes(data[at : at + 2], "big")
        if kind == _APP1 and data[at + 2 : at + 8] == b"Exif\0\0":
            exif += data[at + 8 : at + length]  # Pillow joins them
        elif kind == _APP2 and data[at + 2 : at + 6] == b"MPF\0":  # where a phone's further pictures lie
            _check_tags(data[at + 6 : at + length])
        at, segments, scans = at + length, segments + 1, scans + (kind == _SOS)
        for count, most, what in ((segments, SEGMENTS, "parts"), (scans, SCANS, "passes"), (fill, FILL, "fill bytes")):
            if count > most:
                raise Excess(f"over {most} {what}")
    check_exif(exif)


class Directories:
    """The directories of tags of a TIFF, which is also EXIF's form.

    Args:
        file: its bytes. size: how many there are.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file, self.size = file, size
        file.seek(0)
        start = file.read(16).ljust(16, b"\0")
        # Pillow takes a BigTIFF in big-endian order (MM, 0, +) for a small one, and what Pillow reads is counted.
        self.order, self.big = "<" if start.startswith(b"II") else ">", start[2:3] == b"+"
        self.first = self._number("Q", start[8:]) if self.big else self._number("I", start[4:])

    def pages(self) -> int:
        """How many there are, PAGES at most; of the first also the values are counted.

        Raises:
            Excess: more pages, too many strips or numbers, or values that take more bytes than there are.
        """
        at, seen = self.first, set()
        while at and at not in seen and at < self.size:
            seen.add(at)
            if len(seen) > PAGES:
                raise Excess(f"over {PAGES} pages")
            at = self._after(at, {}) if len(seen) > 1 else self._counted(at)
        return max(len(seen), 1)

    def _counted(self, at: int) -> int:
        inner: dict[int, int] = {}
        after, values = self._after(at, inner), self._values
        for place in inner.values():
            self._after(place, {})
            values += self._values
        if values > self.size:
            raise Excess(f"values of {values / 1e6:.0f} MB in {self.size / 1e6:.1f} MB")
        return after

    def _after(self, at: int, inner: dict[int, int]) -> int:
        """Where the next directory lies (0 after the last); notes those inside, and the bytes of the values that lie apart."""
        self.file.seek(at)
        wide, step, room = (8, 20, 8) if self.big else (2, 12, 4)
        count, self._values = self._number("Q" if self.big else "H", self.file.read(wide)), 0
        if count > 65_535:
            raise Excess(f"{count} tags")
        block = self.file.read(step * count)
        layout = self.order + ("HHQQ" if self.big else "HHII")
        for tag, kind, number, value in struct.iter_unpack(layout, block[: len(block) // step * step]):
            size = _SIZES.get(kind, 0) * number
            self._values += size if size > room else 0
            most = NUMBERS if tag in _TEXTS and size > number else _MOST.get(tag, number)
            if number > most:
                raise Excess(f"{number} numbers in tag {tag}")
            if tag in _INNER:
                inner[tag] = value
        return self._number("Q" if self.big else "I", self.file.read(8 if self.big else 4))

    def _number(self, kind: str, data: bytes) -> int:
        size = struct.calcsize(kind)
        return struct.unpack(self.order + kind, data[:size])[0] if len(data) >= size else 0
