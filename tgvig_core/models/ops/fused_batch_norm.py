"""A frozen network in its quickest form: batch norm inside the convolutions (Jacob et al., CVPR 2018, arXiv 1712.05877, Eq. 14).

In evaluation mode a batch norm is a scale and an offset for each channel, which the convolution before it can do by
itself: y = γ (w∗x − μ)/σ + β = (γ/σ · w)∗x + (β − γμ/σ). Another fifth goes where the channels of a position lie side by
side (channels_last), because most time is spent in convolutions over channels alone.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Network = TypeVar("Network", bound=nn.Module)


def folded(network: Network) -> Network:
    """A copy without batch norms, in evaluation mode; give it images in channels_last.

    A batch norm is folded into the convolution registered right before it in the same module, which is where timm's
    networks have the two. What timm's batch norm does besides (its activation) stays.
    """
    quick = copy.deepcopy(network).eval()
    for parent in list(quick.modules()):
        children = list(parent.named_children())
        for (before, layer), (name, norm) in zip(children, children[1:], strict=False):
            if (
                isinstance(layer, nn.Conv2d)
                and isinstance(norm, nn.BatchNorm2d)
                and norm.num_features == layer.out_channels
            ):
                setattr(parent, before, fuse_conv_bn_eval(layer, norm))
                setattr(parent, name, nn.Sequential(*norm.children()))  # its drop and act, in this order
    return quick.requires_grad_(False).to(memory_format=torch.channels_last)
