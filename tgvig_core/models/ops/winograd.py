"""3×3 convolutions with a quarter of the products: Winograd's F(4×4, 3×3) (Lavin and Gray, CVPR 2016, arXiv 1509.09308).

oneDNN computes a 3×3 convolution directly on processors without AVX-512, close to the most multiplications that they can
do; only fewer of them are quicker. The image is cut into tiles of 6×6 that overlap by 2; tile d and filter g become
V = B^T d B and U = G g G^T, the products summed over the channels are M, and A^T M A is 4×4 values of the result. The
points of Toom and Cook's construction are 0, ±5/8, ±3/2 and ∞: their rounding error is a third of that of the usual
0, ±1, ±2 and twice that of the direct sum (Barabasz et al., arXiv 1803.10986, on why points matter).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TILE, STEP = 6, 4
FEWEST_CHANNELS, FEWEST_TILES = 128, 64
MOST_VALUES = 6 * 2**20
"""24 MB: the C library takes larger arrays from the system anew every time, which costs more than is gained."""
POINTS = torch.tensor([0, 0.625, -0.625, 1.5, -1.5], dtype=torch.float64)


def _evaluated(terms: int) -> Tensor:
    """A polynomial's values at the points, and its leading coefficient for ∞: 6×terms."""
    powers = POINTS[:, None] ** torch.arange(terms)
    return torch.cat([powers, F.one_hot(torch.tensor([terms - 1]), terms)])


FROM_TILE = torch.linalg.inv(_evaluated(TILE)).T.float().contiguous()  # B^T, 6×6
FROM_FILTER = _evaluated(3).float()  # G, 6×3
TO_RESULT = _evaluated(STEP).T.float().contiguous()  # A^T, 4×6


class QuickConv2d(nn.Conv2d):
    """nn.Conv2d with 3×3 filters, stride 1 and border 1; by Winograd where that is quicker: on a CPU, see _pays."""

    def _conv_forward(self, images: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if images.device.type == "cpu" and images.dtype == torch.float32 and self._pays(images.shape):
            return _Winograd.apply(images, weight, bias)
        return super()._conv_forward(images, weight, bias)

    def _pays(self, shape: torch.Size) -> bool:
        """Enough tiles to be worth turning the filters, and nothing too large to stay where it was computed."""
        batch, deep, height, width = shape
        tiles, wide = batch * height * width // STEP**2, self.out_channels
        held = TILE**2 * max(tiles * deep, tiles * wide, deep * wide)
        return height % STEP == 0 == width % STEP and tiles >= FEWEST_TILES and held <= MOST_VALUES


def use_winograd(network: nn.Module) -> None:
    """Make the wide 3×3 convolutions of a network QuickConv2d: same parameters, same names."""
    for module in network.modules():
        if not isinstance(module, nn.Conv2d) or type(module) is not nn.Conv2d:
            continue
        shape = (module.kernel_size, module.stride, module.padding)
        if shape == ((3, 3), (1, 1), (1, 1)) and min(module.in_channels, module.out_channels) >= FEWEST_CHANNELS:
            module.__class__ = QuickConv2d


class _Winograd(torch.autograd.Function):
    """y = x * w + b; the gradient of w is the sum of products of tiles, and that of x a convolution again."""

    @staticmethod
    def forward(ctx, images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        result, tiles = _convolved(images, weight)
        ctx.save_for_backward(tiles, weight)
        return result.add_(bias.view(1, -1, 1, 1))

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        tiles, weight = ctx.saved_tensors
        back = _convolved(gradient, weight.flip(2, 3).transpose(0, 1))[0] if ctx.needs_input_grad[0] else None
        return back, _of_the_filter(tiles, gradient), gradient.sum((0, 2, 3))


def _convolved(images: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Images B×C×H×W and filters O×C×3×3 to B×O×H×W (laid out channels last), and V, 36×(tiles)×C."""
    (batch, deep, height, width), wide = images.shape, len(weight)
    filters = _both_ways(FROM_FILTER, weight.permute(2, 3, 0, 1)).view(-1, wide, deep)  # U = G g G^T
    bordered = F.pad(images.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    cut = bordered.unfold(1, TILE, STEP).unfold(2, TILE, STEP).permute(4, 5, 0, 1, 2, 3)
    tiles = _both_ways(FROM_TILE, cut).view(TILE * TILE, -1, deep)  # V = B^T d B
    products = torch.bmm(tiles, filters.transpose(1, 2))  # M = U ⊙ V, summed over the channels
    parts = _both_ways(TO_RESULT, products.view(TILE, TILE, -1))  # A^T M A
    grid = parts.view(STEP, STEP, batch, height // STEP, width // STEP, wide).permute(2, 3, 0, 4, 1, 5)
    return grid.reshape(batch, height, width, wide).permute(0, 3, 1, 2), tiles


def _of_the_filter(tiles: Tensor, gradient: Tensor) -> Tensor:
    """∂/∂w, O×C×3×3, from V and the gradient of the result, B×O×H×W: the transposes of A and G turn back."""
    batch, wide, height, width = gradient.shape
    grid = gradient.permute(0, 2, 3, 1).reshape(batch, height // STEP, STEP, width // STEP, STEP, wide)
    products = _both_ways(TO_RESULT.T, grid.permute(2, 4, 0, 1, 3, 5)).view(TILE * TILE, -1, wide)
    filters = torch.bmm(products.transpose(1, 2), tiles)  # ∂/∂U, 36×O×C
    return _both_ways(FROM_FILTER.T, filters.view(TILE, TILE, -1)).view(3, 3, wide, -1).permute(2, 3, 0, 1)


def _both_ways(matrix: Tensor, tiles: Tensor) -> Tensor:
    """X t X^T of many tiles: an n×r matrix X and r×r×(...) to n×n×(all the rest)."""
    side = len(tiles)
    rows = (matrix @ tiles.reshape(side, -1)).view(len(matrix), side, -1)
    return matrix @ rows
