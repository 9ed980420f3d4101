"""Where the time goes: the operations that take most of it in each of the measured parts, by torch.profiler.

python -m tools.benchmarks.profiles
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator

import torch
from torch.profiler import ProfilerActivity, profile

from tgvig_core.detectors.coreset import select
from tgvig_core.models.encoders.conse import ConseEncoder
from tgvig_core.packs.registry import PACKS
from tools.benchmarks.integrator import Compared
from tools.benchmarks.scaling import normal, remembering
from tools.benchmarks.text import CHUNK, all_prompts

SHOWN = 6
"""Operations of each part."""


def parts() -> Iterator[tuple[str, Callable[[], object]]]:
    """What is looked into: its name, and the work."""
    features = remembering(256, 21_504).model.memory_bank
    yield "coreset of 21,504 patches", lambda: select(features, 2151)
    detector, photo = remembering(256, 2150), normal(256)
    yield "scoring ten photos", lambda: [detector.score(photo) for _ in range(10)]
    yield "one integrator iteration, 20 images", Compared(PACKS["embedded"]).iteration
    encoder, texts = ConseEncoder(), random.Random(0).sample(all_prompts(), CHUNK)
    yield f"{CHUNK} prompts", lambda: encoder.encode_texts(texts)


def shares(work: Callable[[], object]) -> list[tuple[str, float]]:
    """The operations with the largest share of the processor's time, each with it; the second go counts."""
    work()
    with profile(activities=[ProfilerActivity.CPU]) as traced:
        work()
    events = traced.key_averages()
    whole = sum(event.self_cpu_time_total for event in events)
    ranked = sorted(events, key=lambda event: -event.self_cpu_time_total)[:SHOWN]
    return [(event.key.removeprefix("aten::"), event.self_cpu_time_total / whole) for event in ranked]


def main() -> None:
    torch.set_num_threads(os.cpu_count() or 1)
    print("| part | share of its time |\n|---|---|")
    for name, work in parts():
        print(f"| {name} | {', '.join(f'`{key}` {share:.0%}' for key, share in shares(work))} |", flush=True)


if __name__ == "__main__":
    main()
