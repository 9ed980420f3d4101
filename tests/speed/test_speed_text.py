"""A ratio that must not be lost: prompts in batches against one by one."""

from __future__ import annotations

import random

import pytest
import torch

from tgvig_core.models.encoders.conse import ConseEncoder
from tgvig_core.prompting.vocabulary import all_words
from tools.benchmarks.row import alternately
from tools.benchmarks.text import one_by_one


def some_prompts(count: int) -> list[str]:
    words = sorted(word.text for word in all_words("wordnet", None))
    return [f"a metal nut with {word}" for word in random.Random(0).sample(words, count)]


@pytest.mark.slow
def test_batches_stay_ahead_of_one_by_one():
    encoder, texts = ConseEncoder(), some_prompts(64)
    few = texts[:12]
    torch.testing.assert_close(encoder.encode_texts(texts)[:12], one_by_one(encoder, few), atol=1e-5, rtol=0)
    ours, theirs = alternately(lambda: encoder.encode_texts(texts), lambda: one_by_one(encoder, few), repeats=3)
    assert (theirs / len(few)) / (ours / len(texts)) > 2  # 5 on one core
