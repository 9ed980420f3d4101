"""F(4×4, 3×3) against the direct sum in float64, where it is used, and the layers it works beside."""

from __future__ import annotations

import copy

import pytest
import torch
from small import seeded
from taming.modules.diffusionmodules import model as taming_model
from taming.modules.diffusionmodules.model import AttnBlock, Decoder, Encoder, ResnetBlock
from torch import Tensor, nn
from torch.nn import functional as F

from tgvig_core.models.ops import winograd
from tgvig_core.models.ops.winograd import FROM_FILTER, FROM_TILE, TO_RESULT, QuickConv2d, use_winograd
from tgvig_core.models.quick_blocks import quicken
from tgvig_core.models.vqgan import COMPACT_F8, Vqgan

pytestmark = pytest.mark.quick


def relative(found: Tensor, wanted: Tensor) -> float:
    return float(((found.double() - wanted).norm() / wanted.norm()).detach())


def layer(deep: int = 128, wide: int = 128) -> nn.Conv2d:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        found = nn.Sequential(nn.Conv2d(deep, wide, 3, padding=1))
    use_winograd(found)
    return found[0]


def test_a_tile_of_one_dimension() -> None:
    """The identity of Winograd's F(4, 3): A^T((G g) ∘ (B^T d)) are the four sums of three."""
    d, g = torch.tensor([3.0, -1, 4, 1, -5, 9]), torch.tensor([2.0, 7, -1])
    found = TO_RESULT @ ((FROM_FILTER @ g) * (FROM_TILE @ d))
    assert found.tolist() == pytest.approx([6 - 7 - 4, -2 + 28 - 1, 8 + 7 + 5, 2 - 35 - 9], abs=1e-4)


@pytest.mark.parametrize(
    ("batch", "deep", "wide", "height", "width"), [(3, 128, 160, 32, 32), (5, 192, 128, 16, 24), (1, 128, 128, 64, 20)]
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_result_and_gradients_are_those_of_the_direct_sum(batch, deep, wide, height, width, layout) -> None:
    conv = layer(deep, wide)
    images = torch.randn(batch, deep, height, width, generator=seeded(1)).contiguous(memory_format=layout)
    weight = torch.randn(batch, wide, height, width, generator=seeded(2))
    assert isinstance(conv, QuickConv2d) and conv._pays(images.shape)
    given = [images.requires_grad_(), conv.weight, conv.bias]
    exact = [value.detach().double().requires_grad_() for value in given]
    result, wanted = conv(images), F.conv2d(*exact, padding=1)
    assert relative(result, wanted) < 3e-6  # the direct sum in float32: 1e-6
    gradients = torch.autograd.grad(result, given, weight)
    for found, expected in zip(gradients, torch.autograd.grad(wanted, exact, weight.double()), strict=True):
        assert relative(found, expected) < 3e-6


def test_the_first_convolution_needs_no_gradient_of_its_image() -> None:
    conv, images = layer(), torch.randn(1, 128, 32, 32, generator=seeded())
    conv(images).sum().backward()
    assert images.grad is None and float(conv.bias.grad[0]) == pytest.approx(32 * 32)


@pytest.mark.parametrize("shape", [(4, 128, 30, 32), (4, 128, 32, 34), (1, 128, 16, 16), (4, 128, 128, 128)])
def test_elsewhere_it_is_the_usual_convolution(shape, monkeypatch) -> None:
    """Sides that tiles do not fill, too few tiles, and more values than stay in place."""
    monkeypatch.setattr(winograd, "_Winograd", None)
    conv, images = layer(), torch.randn(*shape, generator=seeded())
    with torch.no_grad():
        assert torch.equal(conv(images), F.conv2d(images, conv.weight, conv.bias, padding=1))


def test_other_numbers_than_float32_take_the_usual_convolution(monkeypatch) -> None:
    monkeypatch.setattr(winograd, "_Winograd", None)
    assert layer().double()(torch.zeros(1, 128, 32, 32, dtype=torch.float64)).dtype == torch.float64


def test_which_layers_of_the_compact_generator_it_is() -> None:
    with torch.device("meta"):
        model = Vqgan(COMPACT_F8)
    quick = {name for name, module in model.named_modules() if isinstance(module, QuickConv2d)}
    blocks = {"encoder.down.0.block.0", "decoder.up.0.block.0", "decoder.up.0.block.1"}
    blocks |= {f"{part}.mid.block_{number}" for part in ("encoder", "decoder") for number in (1, 2)}
    wanted = {f"{block}.conv{number}" for block in blocks for number in (1, 2)}
    assert quick == wanted | {"encoder.conv_in", "decoder.conv_out"}  # the rest is 64 channels wide or 1×1


SHAPE = dict(ch=32, out_ch=3, ch_mult=(1, 2), num_res_blocks=1, in_channels=3, attn_resolutions=[16], resolution=32,
             z_channels=16, double_z=False, dropout=0.0)  # fmt: skip


@pytest.mark.parametrize(
    ("block", "given"),
    [
        (lambda: AttnBlock(64), (2, 64, 8, 12)),
        (lambda: ResnetBlock(in_channels=32, out_channels=64, dropout=0.0, temb_channels=0), (2, 32, 8, 12)),
        (lambda: ResnetBlock(in_channels=32, dropout=0.0, temb_channels=0), (2, 32, 8, 12)),
        (lambda: Encoder(**SHAPE), (2, 3, 32, 32)),
        (lambda: Decoder(**SHAPE), (2, 16, 16, 16)),
    ],
    ids=["attention", "residual, wider", "residual", "encoder", "decoder"],
)
def test_quick_blocks_are_tamings(block, given) -> None:
    """Values and gradients of the blocks as published; the classes of the library stay what they are."""
    theirs = block()
    ours = copy.deepcopy(theirs)
    quicken(ours)
    assert type(ours).__name__ == f"Quick{type(theirs).__name__}"
    assert type(theirs).forward is not type(ours).forward and taming_model.nonlinearity is not F.silu
    images, found = torch.randn(*given, generator=seeded()) * 3, []
    for block in (ours, theirs):
        result = block(images, None) if isinstance(block, ResnetBlock) else block(images)
        found.append([result, *torch.autograd.grad(result.square().sum(), list(block.parameters()))])
    assert float(found[0][0].detach().std()) > 0.01
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)
