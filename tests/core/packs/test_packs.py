"""Model packs: what is taken, from where, and which files are refused."""

import json
import threading
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from small import TINY as SMALL

from tgvig_core.models.checkpoints import config_of, read_state, save_vqgan
from tgvig_core.models.vqgan import COMPACT_F8, Vqgan
from tgvig_core.packs import files, registry
from tgvig_core.packs.files import enforce, fetch, local_file
from tgvig_core.packs.registry import PACKS, choose, load_backbone, load_encoder, load_generator
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import RunContext

pytestmark = pytest.mark.quick


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TGVIG_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TGVIG_MODELS_DIR", raising=False)


def test_the_shipped_checkpoint_is_the_one_of_its_card_and_loads():
    file = PACKS["embedded"].generator_file
    path = local_file(file, None)
    assert path.stat().st_size < 25e6
    assert config_of(read_state(path)) == COMPACT_F8
    assert not load_generator(PACKS["embedded"]).training
    card = json.loads(path.with_suffix(".json").read_text())
    assert {"data", "licence", "steps", "figures", "sha256"} <= card.keys()


def machine(monkeypatch, gpu: bool, hub: bool) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(registry, "hub_answers", lambda: hub)


@pytest.mark.parametrize(
    ("gpu", "hub", "name", "why"),
    [
        (True, True, "paper", "hub answers"),
        (True, False, "embedded", "does not answer"),
        (False, True, "embedded", "GPU"),
    ],
)
def test_auto_says_what_it_takes_and_why(monkeypatch, gpu, hub, name, why):
    machine(monkeypatch, gpu, hub)
    pack, reason = choose("auto")
    assert pack.name == name and why in reason


def test_auto_takes_paper_where_its_files_are_brought_by_hand(tmp_path, monkeypatch):
    machine(monkeypatch, gpu=False, hub=False)
    for file in PACKS["paper"].files:
        (tmp_path / file.name).write_bytes(b"weights of " + file.name.encode())
    assert choose("auto", tmp_path)[0].name == "paper"
    (tmp_path / PACKS["paper"].backbone_file.name).unlink()
    assert choose("auto", tmp_path)[0].name == "embedded"


def test_an_unknown_pack_and_a_missing_models_folder_are_named(tmp_path):
    with pytest.raises(TgvigError, match="'best'.*embedded, paper, strong"):
        choose("best")
    with pytest.raises(TgvigError, match="no models folder"):
        local_file(PACKS["paper"].generator_file, tmp_path / "none")


def test_the_first_checksum_is_recorded_and_enforced(tmp_path):
    file = PACKS["paper"].generator_file
    (tmp_path / file.name).write_bytes(b"first")
    assert local_file(file, tmp_path) == tmp_path / file.name
    assert local_file(file, tmp_path) == tmp_path / file.name
    (tmp_path / file.name).write_bytes(b"other")
    with pytest.raises(TgvigError, match=f"{file.name}.*wrong checksum"):
        local_file(file, tmp_path)


def test_a_published_checksum_is_enforced(tmp_path):
    file = replace(PACKS["paper"].generator_file, sha256="0" * 64)
    (tmp_path / file.name).write_bytes(b"first")
    with pytest.raises(TgvigError, match="wrong checksum"):
        local_file(file, tmp_path)


def test_a_download_is_kept_and_not_fetched_twice(tmp_path):
    source = tmp_path / "server.ckpt"
    source.write_bytes(b"w" * 1_000_000)
    file = replace(PACKS["paper"].generator_file, source=source.as_uri(), megabytes=1)
    seen = []
    path = fetch(file, None, RunContext(lambda step, done, total: seen.append((done, total))))
    assert path.read_bytes() == source.read_bytes() and seen[-1] == (1_000_000, 1_000_000)
    source.unlink()
    assert fetch(file, None) == path


def test_a_download_that_fails_or_is_far_too_small_leaves_nothing(tmp_path):
    source = tmp_path / "server.ckpt"
    source.write_bytes(b"<html>not found</html>")
    file = replace(PACKS["paper"].generator_file, source=source.as_uri())
    with pytest.raises(TgvigError, match="913 MB.*only 0.0 MB came"):
        fetch(file, None)
    with pytest.raises(TgvigError, match="models folder, or use the pack embedded"):
        fetch(replace(file, source=(tmp_path / "gone").as_uri()), None)
    assert [p.name for p in (tmp_path / "cache" / "models").iterdir()] == []


def test_the_generator_of_a_pack_loads_from_a_models_folder(tmp_path):
    save_vqgan(Vqgan(SMALL), tmp_path / "model.safetensors", {})
    (tmp_path / "model.safetensors").rename(tmp_path / "vqgan.safetensors")
    pack = replace(PACKS["paper"], generator_file=replace(PACKS["paper"].generator_file, name="vqgan.safetensors"))
    assert load_generator(pack, tmp_path).config == SMALL


def test_a_models_folder_with_a_wrong_generator_is_refused(tmp_path):
    save_file({"some.weight": torch.zeros(2)}, tmp_path / "vqgan.safetensors")
    pack = replace(PACKS["paper"], generator_file=replace(PACKS["paper"].generator_file, name="vqgan.safetensors"))
    with pytest.raises(TgvigError, match="not a VQGAN checkpoint"):
        load_generator(pack, tmp_path)


def test_every_file_names_its_licence_and_size():
    for pack in PACKS.values():
        for file in pack.files:
            assert file.licence and file.megabytes > 0 and file.source
    assert files.ASSETS.is_dir()


def test_a_stop_during_a_download_leaves_nothing(tmp_path):
    source = tmp_path / "server.ckpt"
    source.write_bytes(b"w" * 3_000_000)
    file, stop = replace(PACKS["paper"].generator_file, source=source.as_uri(), megabytes=3), threading.Event()
    with pytest.raises(Stopped):
        fetch(file, None, RunContext(lambda *_: stop.set(), stop))
    assert [p.name for p in (tmp_path / "cache" / "models").iterdir()] == []


def hub_with(monkeypatch, folder, repository: str, name: str, content: bytes):
    """A hub cache in its own layout that holds one file; the hub itself does not answer."""
    from huggingface_hub import constants

    home = folder / f"models--{repository.replace('/', '--')}"
    (home / "refs").mkdir(parents=True, exist_ok=True)
    (home / "refs" / "main").write_text("1" * 40)
    file = home / "snapshots" / ("1" * 40) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    return file


def test_timm_weights_of_the_hub_are_checked_like_every_other_file(tmp_path, monkeypatch):
    pack = PACKS["paper"]
    file = hub_with(monkeypatch, tmp_path / "hub", "timm/resnet18.tv_in1k", "model.safetensors", b"first")
    assert load_backbone(pack).weights == file
    file.write_bytes(b"other")
    with pytest.raises(TgvigError, match="wrong checksum"):
        load_backbone(pack)


def test_a_hub_that_does_not_answer_is_named_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "hub_answers", lambda: False)
    with pytest.raises(TgvigError, match=r"resnet18.*45 MB.*models folder.*embedded"):
        load_backbone(PACKS["paper"])


def test_clip_weights_of_the_hub_are_recorded_and_enforced(tmp_path, monkeypatch):
    """The check comes before the file is read: what lies in the hub's cache here is no model at all."""
    pack = PACKS["paper"]
    repository = "timm/vit_base_patch16_clip_224.openai"
    hub_with(monkeypatch, tmp_path / "hub", repository, "open_clip_model.safetensors", b"other")
    (tmp_path / "first.bin").write_bytes(b"first")
    enforce("ViT-B-16.pt of the hub", tmp_path / "first.bin")
    with pytest.raises(TgvigError, match="wrong checksum"):
        load_encoder(pack)
