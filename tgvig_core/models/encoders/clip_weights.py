"""CLIP models (Radford et al. 2021) built by open_clip, with the right activation and without unpickling code.

The trap this file is for: OpenAI's weights need QuickGELU. open_clip 3 only warns when `ViT-B-16` is built with the
tag `openai` and its config says GELU, and says nothing at all for a local file; the embeddings are then quietly wrong.
"""

from __future__ import annotations

import difflib
import hashlib
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tgvig_core.utils import strict_json
from tgvig_core.utils.errors import TgvigError
from tgvig_core.utils.hub import hub_answers, hub_copy

if TYPE_CHECKING:
    from open_clip import CLIP, CustomTextCLIP

SUFFIXES = (".pt", ".pth", ".bin", ".safetensors")
PREPROCESS = ("mean", "std", "interpolation", "resize_mode")  # of open_clip's preprocess config


def load_clip(model_name: str, pretrained: str) -> tuple[CLIP | CustomTextCLIP, Callable]:
    """Build a CLIP model in float32 on the CPU, in evaluation mode, with its tokenizer.

    Args:
        model_name: a name from open_clip.list_models(). For a local file of OpenAI's weights use `…-quickgelu`,
            unless the file is OpenAI's own archive or has its `open_clip_config.json` beside it.
        pretrained: one of open_clip's tags (from the hub's cache, else fetched), a local file (.safetensors, a state
            dict in .pt, .pth or .bin, or OpenAI's TorchScript archive; a config beside it is heeded), or a local
            folder with weights and `open_clip_config.json`; the folder decides the architecture then.

    Raises:
        TgvigError: unknown name or tag, missing or unreadable file, weights of another architecture, or no hub.
    """
    import open_clip  # takes seconds

    path = Path(pretrained).expanduser()
    tagged = bool(open_clip.get_pretrained_cfg(model_name, pretrained))  # a tag wins over a folder of that name
    local = not tagged and (path.suffix in SUFFIXES or path.exists())
    folder = local and path.is_dir()
    source = f"local-dir:{path}" if folder else model_name
    try:
        if folder:
            model = open_clip.create_model(source, weights_only=True, require_pretrained=True)
        else:
            _check_name(model_name, pretrained, local)
            model = _from_file(model_name, path) if local else _from_tag(model_name, pretrained)
        return model.float().eval(), open_clip.get_tokenizer(source)
    except TgvigError:
        raise
    except Exception as error:  # a damaged file may raise anything in the readers of torch and open_clip
        raise TgvigError(_advice(model_name, pretrained, path, local, error)) from error


def _check_name(model_name: str, pretrained: str, local: bool) -> None:
    import open_clip

    names = open_clip.list_models()
    if model_name not in names:
        near = ", ".join(difflib.get_close_matches(model_name, names, 3)) or ", ".join(names[:3])
        raise TgvigError(f"open_clip has no model {model_name!r}; near it: {near}.")
    tags = open_clip.list_pretrained_tags_by_model(model_name)
    if not local and pretrained.lower().replace("-", "_") not in tags:
        known = ", ".join(tags) or "none"
        raise TgvigError(f"open_clip has no weights {pretrained!r} for {model_name}; it has: {known}.")


def cached_weights(model_name: str, tag: str) -> Path | None:
    """The weights of a tag in the hub's local cache, or None."""
    import open_clip

    repository = open_clip.get_pretrained_cfg(model_name, tag).get("hf_hub", "")
    folder, _, file = repository.rpartition("/")
    for name in (file,) if file else ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"):
        if folder and (found := hub_copy(folder, name)):
            return found
    return None


def _from_tag(model_name: str, tag: str) -> CLIP | CustomTextCLIP:
    import open_clip

    config = open_clip.get_pretrained_cfg(model_name, tag)
    cached = cached_weights(model_name, tag)
    if cached is None and not hub_answers():
        raise OSError("the hub does not answer")
    return _create(model_name, str(cached or tag), bool(config.get("quick_gelu", False)), config)


def _create(model_name: str, source: str, quick_gelu: bool, preprocess: dict) -> CLIP | CustomTextCLIP:
    import open_clip

    return open_clip.create_model(
        model_name,
        pretrained=source,
        force_quick_gelu=quick_gelu,
        force_preprocess_cfg={key: preprocess[key] for key in PREPROCESS if preprocess.get(key)},
        weights_only=True,
    )


def _from_file(model_name: str, path: Path) -> CLIP | CustomTextCLIP:
    if not path.is_file():
        raise TgvigError(f"There is no file {path}. Give the path of the weights, or a tag such as `openai`.")
    if _is_torchscript(path):
        return _from_openai_archive(model_name, path)
    beside = path.with_name("open_clip_config.json")
    config = strict_json.loads(beside.read_text("utf-8")) if beside.is_file() else {}
    quick = bool(config.get("model_cfg", {}).get("quick_gelu", False))
    return _create(model_name, str(path), quick, config.get("preprocess_cfg", {}))


def _from_openai_archive(model_name: str, path: Path) -> CLIP | CustomTextCLIP:
    """TorchScript is code, so the archive is opened only if it is, byte for byte, the one that OpenAI published."""
    import open_clip

    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != _published_sha256(model_name):
        raise TgvigError(
            f"{path} is a TorchScript archive, which can hold code, and not the one OpenAI published for {model_name} "
            f"(its sha256 is {digest[:16]}…). Give the weights as .safetensors or as a plain state dict."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch.jit is deprecated; OpenAI's files stay as they are
        weights = torch.jit.load(str(path), map_location="cpu").state_dict()
    model = open_clip.create_model(model_name, pretrained=None, force_quick_gelu=True)
    model.load_state_dict({key: weights[key] for key in model.state_dict()})  # the archive holds a few more numbers
    return model


def _published_sha256(model_name: str) -> str:
    """The sha256 that OpenAI's download address of this architecture carries, or "" where there is none."""
    import open_clip

    url = open_clip.get_pretrained_url(model_name, "openai")
    return url.split("/")[-2] if url else ""


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("constants.pkl") for name in archive.namelist())


def _advice(model_name: str, pretrained: str, path: Path, local: bool, error: Exception) -> str:
    reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    if local:
        return (
            f"The weights {path} do not load as {model_name}: {reason}. Check that the file is complete and of that "
            "architecture (.safetensors, or a state dict saved with torch.save)."
        )
    return (
        f"The weights {pretrained!r} of {model_name} are not on this machine and could not be fetched from the Hugging "
        f"Face Hub: {reason}. Bring the model's `open_clip_model.safetensors` and `open_clip_config.json` in a folder "
        "and give that folder, connect to the network, or use the embedded pack."
    )
