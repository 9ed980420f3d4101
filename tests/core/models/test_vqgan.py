"""VQGAN (arXiv 2012.09841): the published names and shapes, the nearest code, its gradient and its loss by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from small import TINY, photo_tensor, published_f16, tiny_vqgan
from taming.modules.vqvae.quantize import VectorQuantizer2

from tgvig_core.models import quantizer
from tgvig_core.models.vqgan import COMPACT_F8, IMAGENET_F16_1024, IMAGENET_F16_16384, Vqgan, VqganConfig


@pytest.mark.parametrize("config", [IMAGENET_F16_1024, IMAGENET_F16_16384])
def test_names_and_shapes_are_the_published_ones(config) -> None:
    with torch.device("meta"):
        found = {name: tuple(value.shape) for name, value in Vqgan(config).state_dict().items()}
    assert found == published_f16(config.n_embed)


def test_the_latent_is_smaller_by_the_factor() -> None:
    assert (IMAGENET_F16_1024.factor, COMPACT_F8.factor, TINY.factor) == (16, 8, 4)
    model = tiny_vqgan()
    assert model.encode(torch.zeros(2, 3, 64, 48)).shape == (2, 32, 16, 12)
    images, _, codes = model(torch.zeros(2, 3, 64, 48))
    assert images.shape == (2, 3, 64, 48) and codes.shape == (2, 16, 12)


def test_patches_make_the_latent_smaller_and_come_back_in_place() -> None:
    config = VqganConfig(32, (1, 1), 1, (), 32, 32, 64, patch=4)
    model = tiny_vqgan(config=config)
    assert config.factor == 8 and model.encode(torch.zeros(2, 3, 64, 48)).shape == (2, 32, 8, 6)
    assert model(torch.zeros(2, 3, 64, 48))[0].shape == (2, 3, 64, 48)
    for name in ("encoder", "decoder", "quant_conv", "post_quant_conv"):
        setattr(model, name, torch.nn.Identity())  # what goes in comes out, if the networks between pass it on
    photo = photo_tensor("bottle", 1, 64)
    assert torch.equal(model.decode(model.encode(photo)), photo)


@pytest.mark.parametrize("heads", [2, 4])
def test_every_head_takes_the_nearest_code_for_its_share(heads: int) -> None:
    model, z = tiny_vqgan(config=replace(TINY, heads=heads)), latents()
    assert model.quantize.embedding.weight.shape == (64, 32 // heads)
    quantised, loss, codes = model.quantise(z)
    assert codes.shape == (5, heads, 6, 7)
    for head, share in enumerate(z.chunk(heads, 1)):
        wanted_codes, wanted = nearest(share, model)
        np.testing.assert_array_equal(codes[:, head].numpy(), wanted_codes)
        np.testing.assert_allclose(quantised.chunk(heads, 1)[head].detach().numpy(), wanted, atol=1e-6)
    assert loss.item() == pytest.approx(1.25 * (quantised - z).square().mean().item(), rel=1e-5)


def latents(count: int = 5) -> torch.Tensor:
    return torch.randn(count, 32, 6, 7, generator=torch.Generator().manual_seed(1)) * 0.3


def nearest(z: torch.Tensor, model: Vqgan) -> tuple[np.ndarray, np.ndarray]:
    """Codes and quantised latents by comparing every position with every e_k."""
    book = model.quantize.embedding.weight.detach().numpy().astype(np.float64)
    rows = z.detach().numpy().astype(np.float64).transpose(0, 2, 3, 1)
    codes = ((rows[..., None, :] - book) ** 2).sum(-1).argmin(-1)
    return codes, book[codes].transpose(0, 3, 1, 2)


def test_every_position_takes_the_nearest_code() -> None:
    model, z = tiny_vqgan(), latents()
    quantised, _, codes = model.quantise(z)
    wanted_codes, wanted = nearest(z, model)
    assert len(np.unique(wanted_codes)) > 20  # else the comparison says little
    np.testing.assert_array_equal(codes.numpy(), wanted_codes)
    np.testing.assert_allclose(quantised.detach().numpy(), wanted, atol=1e-6)


def test_codes_of_a_photo_lie_where_its_latents_are() -> None:
    model = tiny_vqgan()
    with torch.no_grad():
        z = model.encode(photo_tensor("bottle", 2, 64))
        np.testing.assert_array_equal(model.quantise(z)[2].numpy(), nearest(z, model)[0])


def test_the_gradient_passes_the_codebook_by() -> None:
    model, z = tiny_vqgan(), latents().requires_grad_()
    weight = torch.randn(z.shape, generator=torch.Generator().manual_seed(2))
    (model.quantise(z)[0] * weight).sum().backward()
    torch.testing.assert_close(z.grad, weight, rtol=0, atol=0)
    assert model.quantize.embedding.weight.grad is None or not model.quantize.embedding.weight.grad.any()


def test_codebook_loss_and_its_gradients() -> None:
    """taming's VectorQuantizer2, legacy: ‖sg[z_q] − z‖² + 0.25·‖z_q − sg[z]‖²; so 1.25 times the mean square."""
    model, z = tiny_vqgan(), latents().requires_grad_()
    _, loss, _ = model.quantise(z)
    codes, wanted = nearest(z, model)
    apart = z.detach().numpy() - wanted
    assert float(loss.detach()) == pytest.approx(1.25 * (apart**2).mean(), rel=1e-5)
    loss.backward()
    np.testing.assert_allclose(z.grad.numpy(), 2 * apart / apart.size, atol=1e-8)
    book = np.zeros((64, 32))
    np.add.at(book, codes.ravel(), -0.25 * 2 * apart.transpose(0, 2, 3, 1).reshape(-1, 32) / apart.size)
    np.testing.assert_allclose(model.quantize.embedding.weight.grad.numpy(), book, atol=1e-8)


@pytest.mark.parametrize("rows", [1, 100, 1000])
def test_the_codebook_is_tamings(rows: int, monkeypatch) -> None:
    """Codes, output, loss and both gradients are those of VectorQuantizer2, whatever the size of a block."""
    monkeypatch.setattr(quantizer, "CACHE_ROWS", rows)
    ours, theirs = tiny_vqgan().quantize, VectorQuantizer2(64, 32, beta=0.25)
    theirs.load_state_dict(ours.state_dict())
    found, gradients = [], []
    for book in (ours, theirs):
        z = latents(5).requires_grad_()
        out, loss, codes = book(z)
        (out.square().mean() + 3 * loss).backward()
        found.append((out.detach(), loss.detach(), (codes[2] if isinstance(codes, tuple) else codes).flatten()))
        gradients.append((z.grad, book.embedding.weight.grad))
    for one, other in zip(found[0] + gradients[0], found[1] + gradients[1], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("count", [7, 64, 192, 200])
def test_the_first_of_codes_equally_near(count: int) -> None:
    """Whole numbers in few places, so that many distances are exactly equal; groups of 1, 64, 64 and 8."""
    generator = torch.Generator().manual_seed(3)
    vectors, codes = (torch.randint(-2, 3, (n, 3), generator=generator).float() for n in (50, count))
    apart = ((vectors[:, None] - codes) ** 2).sum(2).numpy()
    np.testing.assert_array_equal(quantizer.nearest(vectors, codes).numpy(), apart.argmin(1))


def test_decoded_values_are_not_clamped() -> None:
    model = tiny_vqgan()
    model.decoder.conv_out.bias.data.fill_(5.0)
    with torch.no_grad():
        assert float(model(torch.zeros(1, 3, 16, 16))[0].mean()) == pytest.approx(5, abs=2)


def test_standard_output_stays_empty(capsys) -> None:
    model = Vqgan(TINY)
    model(torch.zeros(1, 3, 16, 16))
    assert capsys.readouterr().out == ""
