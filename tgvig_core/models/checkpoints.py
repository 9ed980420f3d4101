"""VQGAN checkpoints: the published Lightning files of taming-transformers and this project's own safetensors.

The shape of the model is read off the tensors, so a checkpoint needs no configuration beside it. Nothing is ever
unpickled that could run code: published files go through torch.load(weights_only=True).
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from tgvig_core.models.vqgan import Vqgan, VqganConfig
from tgvig_core.utils import strict_json
from tgvig_core.utils.atomic_write import whole
from tgvig_core.utils.checksums import sha256
from tgvig_core.utils.errors import TgvigError

State = dict[str, Tensor]


class _Inert:
    """Stands for Lightning's classes that published checkpoints name beside their weights; holds and does nothing."""


LIGHTNING_NAMES = (
    (_Inert, "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"),
    (OrderedDict, "pytorch_lightning.utilities.parsing.AttributeDict"),
)


def read_state(path: Path) -> State:
    """Tensors of a checkpoint by name, `loss.*` (the discriminator and LPIPS of VQGAN's training) left out.

    Args:
        path: `.safetensors`, or a torch file with the state_dict itself or Lightning's {"state_dict": ...} around it.

    Raises:
        TgvigError: the file is missing, damaged, or holds no tensors.
    """
    if not path.is_file():
        raise TgvigError(f"There is no checkpoint at {path}: give the path of a .safetensors or .ckpt file.")
    try:
        state = load_file(path) if path.suffix == ".safetensors" else _read_torch(path)
    except Exception as error:  # a damaged file may raise anything in the readers
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise TgvigError(f"The checkpoint {path} cannot be read ({reason}): fetch or copy it again.") from error
    state = {
        key: value
        for key, value in state.items()
        if isinstance(key, str) and isinstance(value, Tensor) and not key.startswith("loss.")
    }
    if not state:
        raise TgvigError(f"The checkpoint {path} holds no weights: give a VQGAN checkpoint.")
    return state


def _read_torch(path: Path) -> State:
    with torch.serialization.safe_globals(list(LIGHTNING_NAMES)):
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    inner = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
    if not isinstance(inner, dict):
        raise ValueError("no state_dict inside")
    return inner


def config_of(state: State) -> VqganConfig:
    """Read the shape of a VQGAN off its tensors.

    Raises:
        TgvigError: names of the official layout are missing; the first few are named.
    """
    needed = ("encoder.conv_in.weight", "encoder.conv_out.weight", "decoder.conv_in.weight", "quant_conv.weight",
              "quantize.embedding.weight", "post_quant_conv.weight")  # fmt: skip
    missing = [name for name in needed if name not in state]
    if missing:
        raise TgvigError(f"This is not a VQGAN checkpoint: it lacks {', '.join(missing[:3])}.")
    ch = state["encoder.conv_in.weight"].shape[0]
    levels = _count(state, r"encoder\.down\.(\d+)\.")
    widths = [state[f"encoder.down.{level}.block.0.conv1.weight"].shape[0] for level in range(levels)]
    embedding, embed_dim = state["quantize.embedding.weight"], state["quant_conv.weight"].shape[0]
    return VqganConfig(
        ch=ch,
        ch_mult=tuple(width // ch for width in widths),
        num_res_blocks=_count(state, r"encoder\.down\.0\.block\.(\d+)\."),
        attn_levels=tuple(level for level in range(levels) if f"encoder.down.{level}.attn.0.q.weight" in state),
        z_channels=state["encoder.conv_out.weight"].shape[0],
        embed_dim=embed_dim,
        n_embed=embedding.shape[0],
        patch=math.isqrt(state["encoder.conv_in.weight"].shape[1] // 3),
        heads=embed_dim // embedding.shape[1],
    )


def _count(state: State, pattern: str) -> int:
    return 1 + max((int(found[1]) for name in state if (found := re.match(pattern, name))), default=-1)


def load_vqgan(path: Path) -> Vqgan:
    """A VQGAN with the weights of a checkpoint, in float32, in evaluation mode.

    Args:
        path: see read_state. Its checksum is the business of packs/files.py.

    Raises:
        TgvigError: wrong or missing keys, or a damaged file; the message names it.
    """
    state = read_state(path)
    try:
        model = Vqgan(config_of(state))
    except (TgvigError, LookupError, ValueError, ArithmeticError, RuntimeError) as error:
        raise TgvigError(
            f"{path} cannot be used: {error} Give a checkpoint of taming-transformers' VQModel."
        ) from error
    wanted = model.state_dict()
    missing, unknown = wanted.keys() - state.keys(), state.keys() - wanted.keys()
    wrong = [name for name in wanted.keys() & state.keys() if wanted[name].shape != state[name].shape]
    if missing or unknown or wrong:
        shown = ", ".join(sorted(missing | unknown | set(wrong))[:3])
        raise TgvigError(
            f"{path} does not fit the VQGAN layout: {len(missing)} keys missing, {len(unknown)} unknown, "
            f"{len(wrong)} of another shape ({shown}). Give a checkpoint of taming-transformers' VQModel."
        )
    model.load_state_dict({name: value.float() for name, value in state.items()})
    return model.eval()


def save_vqgan(model: Vqgan, path: Path, card: dict, dtype: torch.dtype = torch.float16) -> None:
    """Write the weights as safetensors and the model card as JSON beside them (the card carries the sha256).

    Args:
        model: the VQGAN.
        path: ends with `.safetensors`.
        card: what a reader must know: data, licence, steps, figures.
        dtype: float16 halves the file; a run's own adapted model is kept in float32 to resume exactly.
    """
    state = {name: value.detach().to("cpu", dtype).contiguous() for name, value in model.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(state, path)
    path.with_suffix(".json").write_text(strict_json.dumps({**card, "sha256": sha256(path)}, indent=2) + "\n")


def write_tensors(state: State, path: Path) -> None:
    """Write safetensors whole or not at all.

    Not with safetensors' own writer: killed in mid-write it leaves a file of a random name, and what it writes none but
    the owner may read.
    """
    with whole(path) as draft:
        draft.write_bytes(save(state))
