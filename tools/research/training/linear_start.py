"""A start at the best linear code: principal components, shared among the heads as in OPQ (Ge et al., CVPR 2013, eq. 12).

A VQGAN from random weights spends its first hours on finding what linear algebra gives in seconds. With one level
(the patch is f) taming's Encoder and Decoder can be set to a nearly linear map, and training goes on from there:

- residual blocks and attention end in zeros, so that at first they add nothing;
- a value x is carried as the pair x, -x, since silu(x) - silu(-x) = x undoes the last nonlinearity exactly;
- a constant, large beside x, in every group of GroupNorm makes its mean and spread nearly independent of the image;
- the last convolution is then a least-squares fit.
"""

from __future__ import annotations

import torch
from taming.modules.diffusionmodules.model import AttnBlock, ResnetBlock
from torch import Tensor, nn
from torch.nn import functional as F

from tgvig_core.models.vqgan import Vqgan

GROUPS = 32
"""Of taming's GroupNorm."""
CONSTANT = 8.0
"""The constant of a group in standard deviations of its widest value."""
RIDGE = 1e-7


def fits(model: Vqgan) -> bool:
    """Whether the shape can be started linearly: one level, and room for a pair of every latent value."""
    c = model.config
    room = GROUPS * ((c.ch * c.ch_mult[0] // GROUPS - 1) // 2)
    return len(c.ch_mult) == 1 and c.z_channels == c.embed_dim <= room


@torch.no_grad()
def start(model: Vqgan, images: Tensor) -> None:
    """Set encoder and decoder to the principal components of patches f×f, as far as embed_dim goes.

    Args:
        model: a VQGAN that fits().
        images: B×3×S×S in [-1, 1], with some hundred patches for every latent value.
    """
    patches = F.pixel_unshuffle(images, model.config.patch)
    mean, basis = components(rows(patches), model.config.embed_dim, model.config.heads)
    latents = F.conv2d(patches - mean[:, None, None], basis.T[:, :, None, None])
    for module in model.modules():
        if isinstance(module, (ResnetBlock, AttnBlock)):
            last = module.conv2 if isinstance(module, ResnetBlock) else module.proj_out
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
    for conv in (model.quant_conv, model.post_quant_conv):
        nn.init.dirac_(conv.weight)
        nn.init.zeros_(conv.bias)
    widths = rows(latents).std(0)
    carry(model.encoder.conv_in, basis.T, -mean @ basis, widths)
    fit(model.encoder, patches, latents)
    carry(model.decoder.conv_in, torch.eye(len(widths), device=widths.device), torch.zeros_like(widths), widths)
    fit(model.decoder, latents, patches)


def components(patches: Tensor, count: int, heads: int) -> tuple[Tensor, Tensor]:
    """Mean and the first principal components of N×D rows, D and D×count, ordered so that each head takes as much.

    OPQ's eigenvalue allocation: from the largest on, a component goes to the head whose variances have the smallest
    product and which still has room. Only ratios to the smallest variance matter, so none counts as less than none.
    """
    mean = patches.mean(0)
    variances, vectors = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
    variances, vectors = variances.flip(0)[:count], vectors.flip(1)[:, :count]
    weights = (variances / variances[-1].clamp_min(1e-6)).clamp_min(1).log()
    members: list[list[int]] = [[] for _ in range(heads)]
    for place in range(count):
        open_heads = [head for head in members if len(head) < count // heads]
        min(open_heads, key=lambda head: sum(float(weights[i]) for i in head)).append(place)
    return mean, vectors[:, [place for head in members for place in head]]


def carry(conv: nn.Conv2d, weights: Tensor, biases: Tensor, widths: Tensor) -> None:
    """Let the first convolution give C values as pairs x, -x, values of like width in one group, beside a constant.

    Args:
        weights: C×D, of the values.
        biases: C.
        widths: C standard deviations of the values.
    """
    size = conv.out_channels // GROUPS
    pairs = (size - 1) // 2
    for rank, place in enumerate(widths.argsort(descending=True).tolist()):
        group, channel = rank // pairs * size, rank // pairs * size + 2 * (rank % pairs)
        if rank % pairs == 0:  # the widest of its group
            conv.weight[group + size - 1] = 0
            conv.bias[group + size - 1] = CONSTANT * widths[place]
        for sign in (1, -1):
            conv.weight[channel] = 0
            conv.weight[channel, :, 1, 1] = sign * weights[place]
            conv.bias[channel] = sign * biases[place]
            channel += 1


def fit(network: nn.Module, inputs: Tensor, targets: Tensor) -> None:
    """Set the last convolution of an Encoder or Decoder so that the network gives its targets, by least squares."""
    seen: list[Tensor] = []
    hook = network.conv_out.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    for part in inputs.split(8):
        network(part)
    hook.remove()
    features = rows(torch.cat(seen)).double()
    features = torch.cat([features, torch.ones_like(features[:, :1])], 1)
    square = features.T @ features / len(features)
    square.diagonal().add_(RIDGE * square.diagonal().mean())
    solution = torch.linalg.solve(square, features.T @ rows(targets).double() / len(features)).float()
    network.conv_out.weight.zero_()
    network.conv_out.weight[:, :, 1, 1] = solution[:-1].T
    network.conv_out.bias.copy_(solution[-1])


def rows(maps: Tensor) -> Tensor:
    """B×C×h×w as (B·h·w)×C."""
    return maps.permute(0, 2, 3, 1).flatten(0, 2)
