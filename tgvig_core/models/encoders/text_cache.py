"""Text embeddings on disk, in chunks: 147 k prompts are encoded once for an object, and a stop loses little."""

from __future__ import annotations

import hashlib
import io
import logging
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from tgvig_core.utils import strict_json
from tgvig_core.utils.checksums import check_shipped
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.folders import ASSETS, cache_dir, keep
from tgvig_core.utils.progress import QUIET, RunContext

if TYPE_CHECKING:
    from tgvig_core.models.encoders.base import ImageTextEncoder

CHUNK = 2048  # texts in a file, on average
STEP = "reading the words"
SHIPPED = ASSETS / "texts"  # the 1000 class names of ConSE, made by tools/scripts/encode_class_names.py
log = logging.getLogger(__name__)


def text_cache_dir() -> Path:
    """Where the chunks lie: `texts` in the cache folder. It may be deleted at any time."""
    return cache_dir() / "texts"


def encode_texts_cached(
    encoder: ImageTextEncoder,
    texts: Sequence[str],
    folder: Path,
    ctx: RunContext = QUIET,
) -> torch.Tensor:
    """G(texts) like encoder.encode_texts, read from the folder where it was computed before.

    A chunk is one .npy file of float16, named by the sha256 of the encoder's identity and its texts, and written whole
    or not at all. The texts are sorted and a chunk ends where a text's own checksum says so, on average after 2048: a
    word that comes or goes changes one chunk, not all that follow. Rows are rounded to float16 in any case, so that a
    first and a second run rank alike (error of a cosine: below 1e-3). Where the folder cannot be written, the work is
    done without, with one warning.

    Returns:
        N×D float32 unit-norm rows, on the CPU.

    Raises:
        Stopped: the stop event was set; the finished chunks stay.
    """
    order = sorted(range(len(texts)), key=texts.__getitem__)
    result = torch.empty(len(texts), encoder.dim)
    done = 0
    ctx.progress(STEP, 0, len(texts))
    for chunk in _chunks([texts[place] for place in order]):
        ctx.check()
        name, shape = f"{_key(encoder.identity, chunk)}.npy", (len(chunk), encoder.dim)
        path = folder / name
        found = _read(path, shape)
        if found is None:
            found = _shipped(name, shape)
        if found is None:

            def within(_step: str, inside: int, _total: int, before: int = done) -> None:
                ctx.progress(STEP, before + inside, len(texts))

            found = encoder.encode_texts(chunk, ctx.telling(within)).numpy().astype(np.float16)
            _write(path, found)
        places = torch.tensor(order[done : done + len(chunk)])
        result[places] = functional.normalize(torch.from_numpy(found).float(), dim=-1)
        done += len(chunk)
        ctx.progress(STEP, done, len(texts))
    return result


def _chunks(texts: Sequence[str]) -> Iterator[list[str]]:
    """Cut a sorted list at boundaries that each text decides for itself."""
    chunk: list[str] = []
    for text in texts:
        chunk.append(text)
        if zlib.crc32(text.encode()) % CHUNK == 0:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _key(identity: str, texts: list[str]) -> str:
    return hashlib.sha256(strict_json.dumps([identity, texts]).encode()).hexdigest()[:40]


def _read(path: Path, shape: tuple[int, int]) -> np.ndarray | None:
    """The chunk, or None where it is missing or damaged (then it is computed and written again)."""
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return rows if rows.shape == shape and rows.dtype == np.float16 and np.isfinite(rows).all() else None


def _shipped(name: str, shape: tuple[int, int]) -> np.ndarray | None:
    """The chunk that came with the project; a changed one is named and computed anew."""
    path = SHIPPED / name
    if not path.is_file():
        return None
    try:
        check_shipped(path)
    except TgvigError as error:
        log.warning("%s Until then its words are read anew.", error)
        return None
    return _read(path, shape)


def _write(path: Path, rows: np.ndarray) -> None:
    content = io.BytesIO()
    np.save(content, rows, allow_pickle=False)
    try:
        keep(path, content.getvalue())
    except OSError as error:
        log.warning("Text embeddings are not kept in %s (%s): set TGVIG_CACHE to another folder.", path.parent, error)
