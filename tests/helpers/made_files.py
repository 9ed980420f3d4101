"""Photo files of kinds that Pillow reads and cannot write, byte by byte."""

from __future__ import annotations

import struct
import zlib


def png16(channels: int, values: list[int], side: int = 40) -> bytes:
    """A 16-bit PNG of one colour with 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    kinds = {1: 0, 2: 4, 3: 2, 4: 6}
    rows = (b"\0" + struct.pack(f">{channels}H", *values) * side) * side
    header = struct.pack(">IIBBBBB", side, side, 16, kinds[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(bits: int, photometric: int, data: bytes, side: int = 40, samples: int = 1) -> bytes:
    """An uncompressed little-endian TIFF with `side` rows and columns and the given pixel bytes."""
    depth = struct.pack("<HHIHH", 258, 3, 1, bits, 0)
    tags = [struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in ((256, side), (257, side))] + [depth]
    tags += [struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in ((259, 1), (262, photometric))]
    offset = 8 + 2 + 12 * 9 + 4
    if samples > 1:
        tags[2] = struct.pack("<HHII", 258, 3, samples, offset)
        data = struct.pack(f"<{samples}H", *[bits] * samples) + data
    start = offset + (2 * samples if samples > 1 else 0)
    tags.append(struct.pack("<HHII", 273, 4, 1, start))
    tags += [struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in ((277, samples), (278, side))]
    tags.append(struct.pack("<HHII", 279, 4, 1, len(data) - (start - offset)))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(tags) + struct.pack("<I", 0) + data
