"""Checkpoints: the published Lightning files and our own, read to the same outputs; whatever is not one, refused."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import sys
import types
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from small import TINY, photo_tensor, published_f16, tiny_vqgan

from tgvig_core.models.checkpoints import config_of, load_vqgan, read_state, save_vqgan, sha256
from tgvig_core.models.vqgan import COMPACT_F8, IMAGENET_F16_1024, IMAGENET_F16_16384, Vqgan, VqganConfig
from tgvig_core.utils.errors import TgvigError

State = dict[str, torch.Tensor]


def lightning_class(monkeypatch: pytest.MonkeyPatch, full_name: str, base: type = object) -> type:
    """A class that pickle records as `full_name`; gone, with its modules, at monkeypatch.undo()."""
    module, name = full_name.rsplit(".", 1)
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:end]), types.ModuleType(".".join(parts[:end])))
    made = type(name, (base,), {"__module__": module, "__qualname__": name})
    setattr(sys.modules[module], name, made)
    return made


def lightning_file(path: Path, state: State, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What taming-transformers published: Lightning 1.0's file, with the discriminator and LPIPS beside the model."""
    with monkeypatch.context() as patch:
        callback = lightning_class(patch, "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint")
        extra = {
            "loss.discriminator.main.0.weight": torch.randn(64, 3, 4, 4),
            "loss.discriminator.main.3.num_batches_tracked": torch.tensor(7),
            "loss.perceptual_loss.net.slice1.0.weight": torch.randn(64, 3, 3, 3),
        }
        adam = {"state": {0: {"step": 9, "exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 4.5e-6, "params": [0]}]}
        told = {"monitor": "val/rec_loss", "best_model_score": torch.tensor(0.5), "best_model_path": "logs/last.ckpt"}
        torch.save(
            {
                "epoch": 11, "global_step": 470_000, "pytorch-lightning_version": "1.0.8",
                "callbacks": {callback: told}, "optimizer_states": [adam, adam], "lr_schedulers": [],
                "state_dict": OrderedDict(state | extra),
            },
            path,
        )  # fmt: skip
    assert b"pytorch_lightning.callbacks.model_checkpoint" in path.read_bytes()[:100_000]
    return path


def test_the_published_layout_is_read_to_identical_outputs(tmp_path: Path, monkeypatch) -> None:
    torch.manual_seed(0)
    model = Vqgan(IMAGENET_F16_1024).eval()
    model.quantize.embedding.weight.data.normal_(0, 0.3)
    path = lightning_file(tmp_path / "vqgan_imagenet_f16_1024.ckpt", model.state_dict(), monkeypatch)
    photo = photo_tensor("bottle", 1, 256)[..., 96:160, 96:160]
    with torch.no_grad():
        wanted, _, codes = model(photo)
        loaded = load_vqgan(path)
        found, _, found_codes = loaded(photo)
    assert loaded.config == IMAGENET_F16_1024 and not loaded.training
    assert len(codes.unique()) > 3
    assert torch.equal(found_codes, codes) and torch.equal(found, wanted)


@pytest.mark.parametrize("config", [IMAGENET_F16_16384, IMAGENET_F16_1024])
def test_the_shape_of_the_published_models_is_read_off_the_tensors(config) -> None:
    shapes = published_f16(config.n_embed)
    assert config_of({name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}) == config


@pytest.mark.parametrize("config", [COMPACT_F8, TINY, VqganConfig(32, (1, 2), 3, (0, 1), 64, 16, 10)])
def test_the_shape_of_small_models_is_read_off_the_tensors(config) -> None:
    assert config_of(Vqgan(config).state_dict()) == config


@pytest.fixture
def state() -> State:
    return dict(tiny_vqgan(3).state_dict())


@pytest.mark.parametrize("kind", ["lightning.ckpt", "plain.ckpt", "plain.pt", "ours.safetensors"])
def test_every_kind_of_file_gives_the_same_model(kind: str, tmp_path: Path, state: State, monkeypatch) -> None:
    path = tmp_path / kind
    if kind == "lightning.ckpt":
        lightning_file(path, state, monkeypatch)
    elif path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    photo = photo_tensor("transistor", 1, 64)
    loaded = load_vqgan(path)
    assert loaded.config == TINY and not loaded.training
    with torch.no_grad():
        assert torch.equal(loaded(photo)[0], tiny_vqgan(3)(photo)[0])
    assert read_state(path).keys() == state.keys()  # the discriminator and LPIPS are left out


def test_hyper_parameters_of_lightning_do_not_matter(tmp_path: Path, state: State, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        kind = lightning_class(patch, "pytorch_lightning.utilities.parsing.AttributeDict", dict)
        torch.save({"state_dict": state, "hyper_parameters": kind(lr=4.5e-6)}, tmp_path / "a.ckpt")
    assert load_vqgan(tmp_path / "a.ckpt").config == TINY


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_never_run(zipped: bool, tmp_path: Path, state: State) -> None:
    path, marker = tmp_path / "evil.ckpt", tmp_path / "it_ran"
    content = {"state_dict": state if zipped else {}, "callbacks": Evil(f"touch '{marker}'")}
    if zipped:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(TgvigError, match=r"evil\.ckpt"):
        load_vqgan(path)
    assert not marker.exists()
    if not zipped:  # the file does bite who opens it carelessly
        pickle.loads(path.read_bytes())
        assert marker.exists()


def refused(path: Path, *words: str) -> str:
    """The message that load_vqgan refuses a file with; it must name the file and the words."""
    with pytest.raises(TgvigError) as caught:
        load_vqgan(path)
    message = str(caught.value)
    assert all(word in message for word in (path.name, *words)), message
    return message


@pytest.mark.parametrize("name", ["gone.ckpt", "gone.safetensors"])
def test_a_missing_file(name: str, tmp_path: Path) -> None:
    refused(tmp_path / name)


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
@pytest.mark.parametrize(
    "content",
    [b"", b"<!DOCTYPE html><html>Quota exceeded</html>", b"version https://git-lfs.github.com/spec/v1\n", b"(" * 40,
     b"hello, world", b"\x80\x02}q\x00(X\x05\x00\x00\x00"],
    ids=["empty", "web page", "LFS pointer", "marks", "text", "cut pickle"],
)  # fmt: skip
def test_a_file_that_is_no_checkpoint(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"odd{suffix}"
    path.write_bytes(content)
    refused(path)


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
@pytest.mark.parametrize("share", [0.001, 0.3, 0.999])
def test_a_truncated_file(share: float, suffix: str, tmp_path: Path, state: State) -> None:
    path = tmp_path / f"cut{suffix}"
    torch.save(state, path) if suffix == ".ckpt" else save_file(state, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    refused(path)


@pytest.mark.parametrize(
    "content",
    [{"a": 1, "b": "text"}, {"state_dict": {"loss.weight": torch.ones(2)}}, [torch.ones(2)], torch.ones(2),
     {7: torch.ones(2)}, {"state_dict": None}],
    ids=["no tensors", "loss only", "list", "tensor", "numbered", "none"],
)  # fmt: skip
def test_a_torch_file_that_holds_something_else(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.ckpt")
    refused(tmp_path / "other.ckpt")


def test_keys_of_another_layout(tmp_path: Path, state: State) -> None:
    path = tmp_path / "model.safetensors"
    save_file({f"first_stage_model.{name}": value for name, value in state.items()}, path)
    assert "lacks" in refused(path)
    save_file(state | {"model_ema.decay": torch.ones(1), "colorize": torch.ones(3)}, path)
    assert re.search(r"0 keys missing, 2 unknown, 0 of another shape \(colorize, model_ema\.decay\)", refused(path))


def test_every_missing_key_is_refused(tmp_path: Path, state: State) -> None:
    path = tmp_path / "model.safetensors"
    for name in state:
        save_file({key: value for key, value in state.items() if key != name}, path)
        refused(path)


@pytest.mark.parametrize("shape", [(7,), (33, 3, 3, 3), ()])
def test_every_wrong_shape_is_refused(shape: tuple[int, ...], tmp_path: Path, state: State) -> None:
    path = tmp_path / "model.safetensors"
    for name in state:
        save_file(state | {name: torch.zeros(shape)}, path)
        refused(path)


def test_saving_in_half_precision(tmp_path: Path, state: State) -> None:
    path = tmp_path / "assets" / "model.safetensors"
    save_vqgan(tiny_vqgan(3), path, {"licence": "Apache-2.0", "steps": 12})
    assert sorted(file.name for file in path.parent.iterdir()) == ["model.json", "model.safetensors"]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    card = json.loads(path.with_suffix(".json").read_text())
    assert card == {"licence": "Apache-2.0", "steps": 12, "sha256": digest}
    assert sha256(path) == digest
    with safe_open(path, "pt") as file:
        assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F16"}  # noqa: SIM118
    loaded = load_vqgan(path).state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], value.half().float()) for name, value in state.items())


def test_saving_in_full_precision_is_exact(tmp_path: Path, state: State) -> None:
    path = tmp_path / "model.safetensors"
    save_vqgan(tiny_vqgan(4), path, {})
    save_vqgan(tiny_vqgan(3), path, {}, torch.float32)  # over the earlier one
    assert json.loads(path.with_suffix(".json").read_text())["sha256"] == sha256(path)
    assert all(torch.equal(value, state[name]) for name, value in load_vqgan(path).state_dict().items())


def test_a_write_that_dies_on_its_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_vqgan()
    save_vqgan(model, tmp_path / "model.safetensors", {})
    kept = (tmp_path / "model.safetensors").read_bytes()

    def dies(*names: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        save_vqgan(model, tmp_path / "model.safetensors", {})
    assert {path.name for path in tmp_path.iterdir()} == {"model.json", "model.safetensors"}
    assert (tmp_path / "model.safetensors").read_bytes() == kept


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_others_may_read_what_is_saved_as_far_as_the_umask_allows(mask: int, mode: int, tmp_path: Path) -> None:
    earlier = os.umask(mask)
    try:
        save_vqgan(tiny_vqgan(), tmp_path / "model.safetensors", {})
    finally:
        os.umask(earlier)
    assert (tmp_path / "model.safetensors").stat().st_mode & 0o777 == mode
