"""taming-transformers' blocks with less to write down on the way: same parameters, same names, same functions.

x·σ(x) is torch's own SiLU, which keeps one tensor for the backward pass in place of two; attention does not write down how much
each of the h·w positions looks at each other. taming's own modules stay as they are: `quicken` changes the class of blocks
that are handed to it.
"""

from __future__ import annotations

from taming.modules.diffusionmodules.model import AttnBlock, Decoder, Encoder, ResnetBlock
from torch import Tensor, nn
from torch.nn import functional as F


class QuickResnetBlock(ResnetBlock):
    """ResnetBlock of a network without time steps."""

    def forward(self, x: Tensor, temb: None = None) -> Tensor:
        """B×C×h×w to B×O×h×w."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(self.dropout(F.silu(self.norm2(h))))
        return (x if self.in_channels == self.out_channels else self.nin_shortcut(x)) + h


class QuickAttnBlock(AttnBlock):
    """AttnBlock through torch's fused attention."""

    def forward(self, x: Tensor) -> Tensor:
        """B×C×h×w to the same."""
        normed = self.norm(x)
        q, k, v = (layer(normed).flatten(2).transpose(1, 2) for layer in (self.q, self.k, self.v))  # B×h·w×C
        found = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]  # one head
        return x + self.proj_out(found.transpose(1, 2).reshape(x.shape))


class QuickEncoder(Encoder):
    """Encoder with SiLU before its last convolution."""

    def forward(self, x: Tensor) -> Tensor:
        """B×C×H×W to B×Z×h×w."""
        h = self.conv_in(x)
        for level, down in enumerate(self.down):
            for place, block in enumerate(down.block):
                h = block(h, None)
                if len(down.attn):
                    h = down.attn[place](h)
            if level != self.num_resolutions - 1:
                h = down.downsample(h)
        h = self.mid.block_2(self.mid.attn_1(self.mid.block_1(h, None)), None)
        return self.conv_out(F.silu(self.norm_out(h)))


class QuickDecoder(Decoder):
    """Decoder with SiLU before its last convolution."""

    def forward(self, z: Tensor) -> Tensor:
        """B×Z×h×w to B×O×H×W."""
        h = self.conv_in(z)
        h = self.mid.block_2(self.mid.attn_1(self.mid.block_1(h, None)), None)
        for level in reversed(range(self.num_resolutions)):
            up = self.up[level]
            for place, block in enumerate(up.block):
                h = block(h, None)
                if len(up.attn):
                    h = up.attn[place](h)
            if level:
                h = up.upsample(h)
        return self.conv_out(F.silu(self.norm_out(h)))


QUICK: dict[type[nn.Module], type[nn.Module]] = {
    ResnetBlock: QuickResnetBlock,
    AttnBlock: QuickAttnBlock,
    Encoder: QuickEncoder,
    Decoder: QuickDecoder,
}


def quicken(network: nn.Module) -> None:
    """Let taming's blocks in a network, and the network itself, take the quicker way."""
    for module in network.modules():
        if quick := QUICK.get(type(module)):
            module.__class__ = quick
