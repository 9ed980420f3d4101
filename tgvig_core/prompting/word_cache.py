"""NLTK's answers about words, kept on disk: importing NLTK and reading WordNet take 3 s, and the answers never change."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tgvig_core.prompting.wordnet import WORDNET_LOCK, ensure_wordnet
from tgvig_core.utils import strict_json
from tgvig_core.utils.folders import cache_dir, keep

ANSWERS = 1
"""Of the answers: to be raised where the same question gets another answer than before (senses.py, vocabulary.py)."""


def asked(question: tuple[str, ...], answer: Callable[[], Any]) -> Any:
    """WordNet's answer, from disk where it was asked before.

    Raises:
        TgvigError: WordNet is not there (see ensure_wordnet).
    """
    with WORDNET_LOCK:
        return remembered(question, ensure_wordnet(), answer)


def remembered(question: tuple[str, ...], corpus: Path, answer: Callable[[], Any]) -> Any:
    """The answer to a question about a corpus, from the cache folder or asked once and written there.

    An answer belongs to the corpus as it lies there (size and time of its files), to NLTK's version and to ANSWERS. Where
    the folder cannot be written, the answer is asked for again every time.

    Args:
        question: what tells it from other questions.
        corpus: the folder that NLTK reads, or its place in a zip file.
        answer: asks NLTK; JSON's types only (lists, not tuples).
    """
    path = cache_dir() / "words" / f"{_key(question, corpus)}.json"
    try:
        return strict_json.loads(path.read_bytes())
    except (OSError, ValueError):  # none yet, or damaged: asked for and written again
        found = answer()
    with contextlib.suppress(OSError):  # asked for again next time; text_cache.py, which loses more, warns
        keep(path, strict_json.dumps(found, ensure_ascii=False).encode())
    return found


def _key(question: tuple[str, ...], corpus: Path) -> str:
    there = next(path for path in (corpus, *corpus.parents) if path.exists())  # the zip file of a place in it
    files = sorted(there.iterdir()) if there.is_dir() else [there]
    stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    about = [question, str(corpus), stats, version("nltk"), ANSWERS]
    return hashlib.sha256(strict_json.dumps(about).encode()).hexdigest()[:40]
