"""Eq. 2 and 3: mean and variance over the views, draws with those moments, and sets that a seed decides."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest
import torch
from small import drawn, photo_tensor, seeded, tiny_vqgan
from torch import Tensor

from tgvig_core.generation.base import sources
from tgvig_core.generation.latent_sampling import LatentDistribution, deviation, distribution
from tgvig_core.generation.settings import GeneratorSettings
from tgvig_core.photos.views import ViewPolicy, views
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import RunContext

STILL = ViewPolicy(degrees=0, shift=0, light=0)
DRAWS = 10_000


def quantised() -> Tensor:
    """Five views' latents, of 3 channels on 2×4 positions."""
    return torch.randn(5, 3, 2, 4, generator=seeded(1)) * 2 + 1


def test_mean_and_variance_over_the_views() -> None:
    z = quantised()
    found = distribution(z, GeneratorSettings())
    assert found.mean.shape == (1, 3, 2, 4) and found.variance.shape == (3, 2, 4)
    np.testing.assert_allclose(found.mean[0].numpy(), z.numpy().mean(0), rtol=1e-5)
    np.testing.assert_allclose(found.variance.numpy(), z.numpy().var(0), rtol=1e-5)
    two = distribution(torch.tensor([1.0, 5.0]).view(2, 1, 1, 1), GeneratorSettings())
    assert (float(two.mean), float(two.variance)) == (3, 4)  # by hand: 1 and 5


def test_anchor_view_takes_each_view_for_a_mean_and_the_variance_of_all() -> None:
    z = quantised()
    found = distribution(z, GeneratorSettings(anchor="view"))
    assert torch.equal(found.mean, z)
    np.testing.assert_allclose(found.variance.numpy(), z.numpy().var(0), rtol=1e-5)


@pytest.mark.parametrize("anchor", ["mean", "view"])
def test_without_variance_it_is_one_as_in_eq_2(anchor: str) -> None:
    found = distribution(quantised(), GeneratorSettings(anchor=anchor, variance=False))
    assert torch.equal(found.variance, torch.ones(3, 2, 4))


def test_draws_have_the_mean_and_the_variance() -> None:
    mean = torch.tensor([[-3.0, 0.0], [2.0, 7.0]]).view(1, 2, 2, 1)
    variance = torch.tensor([[0.0, 0.25], [1.0, 9.0]]).view(2, 2, 1)
    draws = LatentDistribution(mean, variance).sample(DRAWS, seeded()).numpy().astype(np.float64)
    assert draws.shape == (DRAWS, 2, 2, 1)
    sigma = variance.numpy()  # the standard errors: σ/√n of the mean, σ²·√(2/n) of the variance
    assert (np.abs(draws.mean(0) - mean[0].numpy()) <= 5 * np.sqrt(sigma / DRAWS) + 1e-6).all()
    assert (np.abs(draws.var(0) - sigma) <= 5 * sigma * np.sqrt(2 / DRAWS) + 1e-12).all()
    correlation = np.corrcoef(draws.reshape(DRAWS, 4)[:, 1:].T) - np.eye(3)
    assert np.abs(correlation).max() < 0.05  # every position has its own noise


def test_every_draw_is_fresh() -> None:
    draws = LatentDistribution(torch.zeros(1, 3, 2, 4), torch.ones(3, 2, 4)).sample(6, seeded())
    assert all(not torch.allclose(a, b, atol=0.1) for a, b in itertools.combinations(draws, 2))


def test_anchor_view_draws_centre_on_the_views() -> None:
    at = torch.tensor([-10.0, 0.0, 20.0]).view(3, 1, 1, 1)
    draws = LatentDistribution(at, torch.full((1, 1, 1), 0.01)).sample(3000, seeded()).flatten()
    nearest = (draws[:, None] - at.flatten()).abs().argmin(1)
    for place, centre in enumerate(at.flatten()):
        near = draws[nearest == place]
        assert 800 < len(near) < 1200  # a third of 3000, give or take eight standard deviations
        assert float(near.mean()) == pytest.approx(float(centre), abs=0.02)
        assert float(near.std()) == pytest.approx(0.1, rel=0.1)


def test_the_deviation_has_a_finite_gradient_where_the_views_agree() -> None:
    variance = torch.tensor([0.0, 4.0, 0.25], requires_grad=True)
    found = deviation(variance)
    assert found.tolist() == [0, 2, 0.5]
    found.sum().backward()
    assert variance.grad.tolist() == [0, 0.25, 1]  # 1 / 2√v


def test_normals_take_turns() -> None:
    assert sources(7, 3) == (0, 1, 2, 0, 1, 2, 0)
    assert sources(2, 3) == (0, 1)
    assert sources(3, 1) == (0, 0, 0)


def reconstruction(model, image: Tensor) -> Tensor:
    with torch.no_grad():
        return model(image[None])[0][0].clamp(-1, 1)


@pytest.mark.parametrize("anchor", ["mean", "view"])
def test_views_that_agree_give_the_reconstruction_of_each_normal_in_turn(anchor: str) -> None:
    model, normals = tiny_vqgan(), photo_tensor("bottle", 2, 64)
    settings = GeneratorSettings(images=5, views=3, anchor=anchor, policy=STILL)
    made = drawn(model, normals, settings, seeded())
    wanted = [reconstruction(model, normal) for normal in normals]
    assert float((wanted[0] - wanted[1]).abs().max()) > 0.01
    for m, image in enumerate(made):
        torch.testing.assert_close(image, wanted[m % 2], rtol=0, atol=2e-4)


def test_a_set_is_decoded_from_mean_and_variance_of_the_views() -> None:
    """The whole of Eq. 3 once more in numpy, from the same generator."""
    model, normal = tiny_vqgan(), photo_tensor("transistor", 1, 64)
    settings = GeneratorSettings(images=3, views=4, policy=ViewPolicy(5, 0.05, 0.3))
    made = drawn(model, normal, settings, seeded(5))
    same = seeded(5)
    with torch.no_grad():
        z = model.encode(views(normal[0], 4, settings.policy, same)).numpy()
        book = model.quantize.embedding.weight.numpy()
        codes = ((z.transpose(0, 2, 3, 1)[..., None, :] - book) ** 2).sum(-1).argmin(-1)
        e = book[codes].transpose(0, 3, 1, 2)
        torch.randint(1, (3,), generator=same)  # the anchor, one to choose from
        noise = torch.randn(3, *e.shape[1:], generator=same).numpy()
        latents = e.mean(0) + e.std(0) * noise
        wanted = model.decode(torch.from_numpy(latents)).clamp(-1, 1)
    assert float(e.std(0).max()) > 0.01
    torch.testing.assert_close(made, wanted, rtol=0, atol=1e-3)


def test_images_of_a_set_differ_and_lie_in_range() -> None:
    model, normals = tiny_vqgan(), photo_tensor("bottle", 1, 64)
    model.decoder.conv_out.weight.data.mul_(30)
    made = drawn(model, normals, GeneratorSettings(images=5, views=3), seeded())
    assert made.shape == (5, 3, 64, 64) and made.device.type == "cpu"
    assert float(made.min()) == -1 and float(made.max()) == 1
    assert all(not torch.equal(a, b) for a, b in itertools.combinations(made, 2))


def test_the_seed_decides_the_set() -> None:
    model, normals = tiny_vqgan(), photo_tensor("bottle", 2, 64)
    settings = GeneratorSettings(images=3, views=2)
    first, again, other = (drawn(model, normals, settings, seeded(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=1e-3)


def test_generating_reports_and_stops() -> None:
    model, normals, seen, stop = tiny_vqgan(), photo_tensor("bottle", 1, 64), [], threading.Event()
    settings = GeneratorSettings(images=9, views=2)
    made = drawn(model, normals, settings, seeded(), RunContext(lambda *told: seen.append(told)))
    assert [told[1:] for told in seen] == [(0, 3), (1, 3), (2, 3), (3, 3)]  # nine images, four at once
    assert torch.equal(made, drawn(model, normals, settings, seeded()))
    stop.set()
    with pytest.raises(Stopped):
        drawn(model, normals, settings, seeded(), ctx=RunContext(stop=stop))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"anchor": "median"}, "median"),
        ({"images": 0}, "0"),
        ({"images": 1001}, "1001"),
        ({"views": 1}, "1 views"),
        ({"policy": ViewPolicy(flips=True)}, "anchor view"),
        ({"policy": ViewPolicy(turns=True)}, "anchor view"),
    ],
)
def test_settings_that_cannot_be(wrong: dict, named: str) -> None:
    with pytest.raises(TgvigError, match=named):
        GeneratorSettings(**wrong)


@pytest.mark.parametrize("part", ["decode", "encode"])
def test_a_batch_that_does_not_fit_is_halved_and_said(monkeypatch, caplog, part):
    model, normals = tiny_vqgan(), photo_tensor("bottle", 1, 64)
    settings = GeneratorSettings(images=5, views=5)
    whole = drawn(model, normals, settings, seeded())
    work, sizes = getattr(model, part), []

    def small(batch):
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return work(batch)

    monkeypatch.setattr(model, part, small)
    torch.testing.assert_close(drawn(model, normals, settings, seeded()), whole, atol=1e-4, rtol=0)
    assert sizes == ([4, 2, 2, 1] if part == "decode" else [5, 3, 2, 1, 2])
    assert "Memory was short" in caplog.text


@pytest.mark.parametrize("part", ["decode", "encode"])
def test_where_not_even_one_fits_it_is_a_sentence(monkeypatch, part):
    model, normals = tiny_vqgan(), photo_tensor("bottle", 1, 64)
    short = RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.")
    monkeypatch.setattr(model, part, lambda batch: (_ for _ in ()).throw(short))
    with pytest.raises(
        TgvigError, match="This machine has not enough memory .*even one at a time: close other programs"
    ):
        drawn(model, normals, GeneratorSettings(images=3, views=2), seeded())
