"""Every registered generator keeps the contract of generation/base.py: shapes, range, seed, state, stop, memory, no NaN."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from small import photo_tensor, seeded, tiny_vqgan
from torch import Tensor, nn

from tgvig_core.generation.base import Generator, sources
from tgvig_core.generation.registry import generator
from tgvig_core.generation.settings import GeneratorSettings, UpdateSettings
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import RunContext

NETWORKS: dict[str, Callable[[], nn.Module]] = {"vqgan": tiny_vqgan}
"""A network of a second for each generator, with the same weights at every call."""
SAMPLING = GeneratorSettings(images=5, views=3)
LEARNING = UpdateSettings(steps=3, views=2, crop=32, learning_rate=3e-4, adversarial_start=2)


@pytest.fixture(params=generator.names())
def build(request) -> Callable[[], Generator]:
    """Makes fresh generators of one kind."""
    name = request.param
    return lambda: generator.get(name)(NETWORKS[name](), SAMPLING, LEARNING)


@pytest.fixture(scope="module")
def normals() -> Tensor:
    return photo_tensor("bottle", 2, 64)


def test_every_generator_is_tried_here_and_has_a_title() -> None:
    assert set(NETWORKS) == set(generator.names()) and all(map(generator.title, NETWORKS))
    assert all(issubclass(generator.get(name), Generator) for name in generator.names())


def test_shapes_range_and_turns(build, normals: Tensor) -> None:
    made = build().sample(normals, 5, seeded())
    assert made.shape == (5, 3, 64, 64) and made.dtype == torch.float32 and made.device.type == "cpu"
    assert float(made.min()) >= -1 and float(made.max()) <= 1
    assert all(not torch.equal(a, b) for a, b in itertools.combinations(made, 2))


def test_image_m_is_drawn_from_normal_m_mod_n(build, normals: Tensor) -> None:
    other = normals.clone()
    other[1] = -normals[1]
    made, changed = (build().sample(photos, 5, seeded()) for photos in (normals, other))
    moved = [float((a - b).abs().max()) > 1e-4 for a, b in zip(made, changed, strict=True)]
    assert moved == [source == 1 for source in sources(5, 2)] == [False, True, False, True, False]


def test_sampling_changes_nothing_and_the_count_is_the_callers(build, normals: Tensor) -> None:
    one = build()
    before = {name: value.clone() for name, value in one.network.state_dict().items()}
    assert len(one.sample(normals, 1, seeded())) == 1 and len(one.sample(normals, 7, seeded())) == 7
    after = one.network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_the_seed_decides_the_images(build, normals: Tensor) -> None:
    first, again, other = (build().sample(normals, 3, seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.allclose(first, other, atol=1e-3)
    torch.rand(7)  # the global generator decides nothing
    assert torch.equal(first, build().sample(normals, 3, seeded()))


def test_the_seed_decides_what_is_learned(build, normals: Tensor) -> None:
    made = []
    for seed in (0, 0, 1):
        one = build()
        losses = one.adapt(normals, seeded(seed))
        assert losses and all(isinstance(value, float) for value in losses.values())
        made.append(one.sample(normals, 2, seeded()))
    assert torch.equal(made[0], made[1]) and not torch.equal(made[0], made[2])
    assert not torch.equal(made[0], build().sample(normals, 2, seeded()))  # it has learned


def test_going_on_from_a_state_equals_going_on(build, normals: Tensor, tmp_path: Path) -> None:
    """Also where something joins on the way, as VQGAN's critic does at the third step."""
    undisturbed = build()
    undisturbed.adapt(normals, seeded(1))
    torch.save(undisturbed.state_dict(), tmp_path / "state.pt")
    wanted = undisturbed.adapt(normals, seeded(2)), undisturbed.sample(normals, 3, seeded(3))
    later = build()
    later.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert later.adapt(normals, seeded(2)) == pytest.approx(wanted[0], rel=1e-4)
    torch.testing.assert_close(later.sample(normals, 3, seeded(3)), wanted[1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("work", ["adapt", "sample"])
def test_a_stop_ends_it_and_progress_is_told(build, normals: Tensor, work: str) -> None:
    seen: list[tuple[str, int, int]] = []
    stop = threading.Event()

    def run(one: Generator, ctx: RunContext) -> None:
        one.adapt(normals, seeded(), ctx) if work == "adapt" else one.sample(normals, 5, seeded(), ctx)

    run(build(), RunContext(lambda *told: seen.append(told)))
    assert seen[0][1] == 0 and seen[-1][1] == seen[-1][2] > 0
    stop.set()
    with pytest.raises(Stopped):
        run(build(), RunContext(stop=stop))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_photos_that_are_no_numbers_are_refused(build, normals: Tensor, value: float) -> None:
    wrong = normals.clone()
    wrong[1, 0, 3, 3] = value
    for work in (build().adapt, lambda photos, rng: build().sample(photos, 2, rng)):
        with pytest.raises(TgvigError, match="not numbers: read it again"):
            work(wrong, seeded())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(build, normals: Tensor, value: float) -> None:
    one, other = build(), build()
    for made in (one, other):
        with torch.no_grad():
            for weights in made.network.parameters():
                weights.view(-1)[0] = value
    with pytest.raises(TgvigError, match="not a number"):
        one.adapt(normals, seeded())
    with pytest.raises(TgvigError, match="ran out of range"):
        other.sample(normals, 2, seeded())


def test_a_side_that_does_not_suit_is_named(build) -> None:
    side = build().factor * 16 + 1
    with pytest.raises(TgvigError, match=f"Images of {side} px do not suit this generator"):
        build().sample(torch.zeros(1, 3, side, side), 1, seeded())


def forward_at_most(network: nn.Module, most: int, sizes: list[int]) -> None:
    """Let every top-level part of a network run out of memory where it is handed more than `most` images."""
    for part in network.children():

        def short(_module: nn.Module, given: tuple, most: int = most) -> None:
            sizes.append(len(given[0]))
            if len(given[0]) > most:
                raise torch.OutOfMemoryError("CUDA out of memory")

        part.register_forward_pre_hook(short)


def test_where_memory_is_short_fewer_images_are_made_at_once(build, normals: Tensor, caplog) -> None:
    whole, short, sizes = build().sample(normals, 5, seeded()), build(), []
    forward_at_most(short.network, 4, sizes)  # four heads' codes of one image count as four
    torch.testing.assert_close(short.sample(normals, 5, seeded()), whole, rtol=0, atol=1e-4)
    forward_at_most(short.network, 2, sizes)
    torch.testing.assert_close(short.sample(normals, 5, seeded()), whole, rtol=0, atol=1e-4)
    assert "Memory was short" in caplog.text


def test_where_not_even_one_fits_it_is_a_sentence(build, normals: Tensor) -> None:
    one = build()
    forward_at_most(one.network, 0, [])
    with pytest.raises(TgvigError, match="not enough memory .*even one at a time"):
        one.sample(normals, 2, seeded())
    with pytest.raises(TgvigError, match="not enough memory for a learning step"):
        one.adapt(normals, seeded())
