"""Eq. 1 over all of WordNet: 147 k prompts encoded in batches against one by one, and ranked again in a new process."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from tools.benchmarks.row import Row, alternately, show

PHOTOS = Path("assets/samples/hex_nut/train/good")
NAME = "metal nut"
SAMPLE = 300  # prompts that are encoded one by one
CHUNK = 2048  # prompts that are encoded together, as many as a file of the cache holds on average
TURNS = 3
CLOSE = 1e-5  # of an embedding's value, in batches against one by one


def one_by_one(encoder, texts: list[str]) -> Tensor:
    """The model card's way: transformers' tokenizer and model, mean over the tokens, unit norm."""
    rows = []
    for text in texts:
        tokens = encoder._tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            states = encoder._text_model(**tokens).last_hidden_state
        rows.append(functional.normalize(states.mean(dim=1), dim=-1))
    return torch.cat(rows)


def all_prompts() -> list[str]:
    from tgvig_core.prompting.ranking import prompt_text
    from tgvig_core.prompting.vocabulary import all_words

    return [prompt_text(NAME, word.text) for word in all_words("wordnet", None)]


def first_time() -> Row:
    """Rates of both ways on random prompts, taken in turns; the whole list takes minutes and hours."""
    from tgvig_core.models.encoders.conse import ConseEncoder

    encoder, texts, seeded = ConseEncoder(), all_prompts(), random.Random(0)
    few, many = seeded.sample(texts, SAMPLE), sorted(seeded.sample(texts, CHUNK))
    off = float((encoder.encode_texts(few) - one_by_one(encoder, few)).abs().max())
    if off > CLOSE:
        raise SystemExit(f"rows in batches and one by one differ by {off:.2g}, more than {CLOSE:g}")
    part = few[: SAMPLE // TURNS]
    ours, theirs = alternately(lambda: encoder.encode_texts(many), lambda: one_by_one(encoder, part), TURNS)
    ours, theirs = ours / len(many), theirs / len(part)
    return Row(
        f"encoding {len(texts):,} prompts of WordNet, first time",
        "MiniLM in transformers, one by one",
        ours * len(texts),
        theirs * len(texts),
        20,
        f"both extrapolated from random prompts, the fastest of {TURNS} turns: {ours * 1000:.2f} ms in chunks of {CHUNK}, "
        f"{theirs * 1000:.1f} ms one by one; {SAMPLE} rows within {off:.0e}",
    )


class _StandIn:
    """Rows that cost nothing under the real encoder's identity: a filled cache, which is all that a cached run reads."""

    def __init__(self, encoder) -> None:
        self.identity, self.dim, self._seeded = encoder.identity, encoder.dim, torch.Generator().manual_seed(0)

    def encode_texts(self, texts, ctx=None) -> Tensor:
        return functional.normalize(torch.randn(len(texts), self.dim, generator=self._seeded), dim=-1)


def ranking(fill: bool = False) -> dict:
    """All of WordNet ranked for a sample's photo, with what is in the cache folder; seconds of each part.

    `loading` is everything a command loads anyway (libraries, models, the photo), torch itself left out.

    Args:
        fill: put rows of a stand-in into the cache before.
    """
    begun = time.perf_counter()
    from tgvig_core.models.encoders.conse import ConseEncoder
    from tgvig_core.photos.images import read_normals
    from tgvig_core.prompting.ranking import rank_senses
    from tgvig_core.runs.settings import SIZE, RunSettings
    from tgvig_core.runs.steps.prompt import choose_prompt, words_of

    encoder = ConseEncoder()
    photos = sorted(PHOTOS.iterdir())[:1]
    f = encoder.encode_images(read_normals(photos).tensor(SIZE))
    settings = RunSettings(tuple(map(str, photos)), NAME, "", vocabulary="wordnet")
    if fill:
        lookup, chosen = words_of(settings)
        _fill(encoder, rank_senses(chosen, f, encoder, NAME)[0].sense, lookup.modifiers)
    loaded, worked = time.perf_counter(), time.process_time()
    found = choose_prompt(settings, encoder, f).ranked
    done, worked = time.perf_counter(), time.process_time() - worked
    lines = "\n".join(f"{prompt.text} {prompt.gloss} {prompt.score!r} {prompt.kept}" for prompt in found.prompts)
    digest = hashlib.sha256(lines.encode()).hexdigest()
    taken = {"loading": loaded - begun, "ranking": done - loaded, "processor": worked}
    return taken | {"count": len(found.prompts), "digest": digest}


def _fill(encoder, sense, modifiers) -> None:
    from tgvig_core.models.encoders.text_cache import encode_texts_cached, text_cache_dir
    from tgvig_core.prompting.ranking import prompt_text
    from tgvig_core.prompting.vocabulary import all_words

    texts = [prompt_text(NAME, word.text) for word in all_words("wordnet", sense, modifiers)]
    encode_texts_cached(_StandIn(encoder), texts, text_cache_dir())


def cached() -> Row:
    """Ranked again in new processes, the fastest of which counts."""
    with tempfile.TemporaryDirectory() as folder:
        first, *again = [_in_a_new_process(folder, fill=number == 0) for number in range(1 + TURNS)]
    if any(run["digest"] != first["digest"] for run in again):
        raise SystemExit(f"a ranking read from the cache differs from the one before: {[first, *again]}")
    best = min(again, key=lambda run: run["ranking"])
    return Row(
        f"ranking {best['count']:,} prompts again from the cache, in a new process",
        "",
        best["ranking"],
        None,
        3,
        f"senses, vocabulary, cache, Eq. 1 ({best['processor']:.1f} s of one core's time); order, scores and meanings "
        f"the same in every process; beside it {best['loading']:.1f} s of libraries, models and photo, which every command "
        "loads, and Python and torch",
    )


def _in_a_new_process(folder: str, fill: bool) -> dict:
    code = f"import json, torch, tools.benchmarks.text as bench; print(json.dumps(bench.ranking({fill})))"
    environment = os.environ | {"TGVIG_CACHE": folder}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    return json.loads(done.stdout.splitlines()[-1])


def rows() -> list[Row]:
    """Both."""
    torch.set_num_threads(os.cpu_count() or 1)
    return [first_time(), cached()]


if __name__ == "__main__":
    show(rows())
