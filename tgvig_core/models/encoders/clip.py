"""CLIP (Radford et al. 2021) as f and G: the paper's text–image model, by open_clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import torch
from torch import nn
from torch.nn import functional

from tgvig_core.models.encoders.base import batches, in_batches, prepared, rows_of, weights_checksum
from tgvig_core.models.encoders.clip_weights import cached_weights, load_clip
from tgvig_core.models.encoders.registry import encoder
from tgvig_core.utils.progress import QUIET, RunContext

if TYPE_CHECKING:
    from open_clip import CLIP, CustomTextCLIP


@encoder("clip", title="CLIP, by open_clip", order=1)
class OpenClipEncoder:
    """Any CLIP of open_clip; the paper's is ViT-B-16 with the tag `openai` (see clip_weights.load_clip for sources).

    Images are stretched to the model's square; give squares.

    Raises:
        TgvigError: the weights cannot be had, see load_clip.
    """

    caveat = ""

    def __init__(self, model_name: str = "ViT-B-16", pretrained: str = "openai", device: str = "cpu") -> None:
        import open_clip  # takes seconds

        self._model, self._tokenizer = load_clip(model_name, pretrained)
        self.name = f"CLIP {model_name} ({Path(pretrained).name})"
        self.identity = f"open_clip:{model_name}:{weights_checksum(self._model)}"
        self._model.to(device)
        self._device = device
        config = open_clip.get_model_preprocess_cfg(self._model)
        size = config["size"]
        self._size = (size, size) if isinstance(size, int) else tuple(size)
        self._mean, self._std = config["mean"], config["std"]
        self.dim = self.encode_texts(["a"]).shape[1]

    @classmethod
    def load(cls, model: tuple[str, ...], file: Path | None, device: str) -> Self:
        """See PackEncoder; `model` is open_clip's name and a tag."""
        name, tag = model
        return cls(name, str(file or tag), device)

    @staticmethod
    def cached(model: tuple[str, ...]) -> Path | None:
        """See PackEncoder."""
        return cached_weights(*model)

    @torch.inference_mode()
    def encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """See ImageTextEncoder."""
        return rows_of(lambda part: self.image_features(part).cpu(), batches(images))

    def image_features(self, images: torch.Tensor) -> torch.Tensor:
        """See ImageTextEncoder."""
        pixels = prepared(images, self._size, self._mean, self._std, self._device)
        return self._model.encode_image(pixels, normalize=True).float()

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str], ctx: RunContext = QUIET) -> torch.Tensor:
        """See ImageTextEncoder. Texts over the context length (77 tokens) are cut by the tokenizer."""

        def encode(batch: list[str]) -> torch.Tensor:
            return functional.normalize(_clip_text(self._model, self._tokenizer(batch).to(self._device)), dim=-1)

        return in_batches(texts, encode, ctx)


def _clip_text(model: CLIP | CustomTextCLIP, tokens: torch.Tensor) -> torch.Tensor:
    """model.encode_text without the padding after the longest text: attention is causal, so nothing looks there.

    About five times as fast for prompts of ten tokens in a context of 77. Other text towers take their own way.
    """
    import open_clip

    if type(model) is not open_clip.CLIP or model.text_pool_type != "argmax" or model.attn_mask is None:
        return model.encode_text(tokens)
    length = int(tokens.argmax(dim=-1).max()) + 1  # the end token has the highest number
    tokens = tokens[:, :length]
    x = model.token_embedding(tokens) + model.positional_embedding[:length]
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask[:length, :length]))
    x = x[torch.arange(len(x), device=x.device), tokens.argmax(dim=-1)]
    projection = model.text_projection
    return projection(x) if isinstance(projection, nn.Linear) else x @ projection
