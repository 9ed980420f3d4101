"""WinCLIP's real path over a CLIP of its architecture that is small and random: words, windows, references, maps."""

import copy
import json
import threading
from pathlib import Path

import open_clip
import pytest
import torch
from made_backbones import bottles, share_within
from safetensors.torch import save_file

from tgvig_core.benchmark.detectors import winclip
from tgvig_core.benchmark.detectors.winclip import NAME, WEIGHTS, WinClip
from tgvig_core.utils.errors import Stopped
from tgvig_core.utils.progress import RunContext

TINY = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 240, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


def tiny(folder: Path) -> WinClip:
    (folder / "ViT-tiny-240.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder / "ViT-tiny-240.json")
    with torch.random.fork_rng(devices=[]), pytest.MonkeyPatch.context() as patch:
        torch.manual_seed(0)
        save_file(open_clip.create_model("ViT-tiny-240").state_dict(), folder / WEIGHTS.name)
        patch.setenv("TGVIG_CACHE", str(folder / "cache"))
        return WinClip(128, folder, architecture="ViT-tiny-240")


@pytest.fixture(scope="module")
def detector(tmp_path_factory) -> WinClip:
    made = tiny(tmp_path_factory.mktemp("clip"))
    made.fit(bottles(128)[0], [0, 1])
    return made


def test_every_image_is_a_reference_and_the_damage_is_found(detector):
    assert detector.network.k_shot == 2 and detector.network.text_embeddings.shape == (2, 32)
    found = detector.score(bottles(128)[1])
    assert found.maps.shape == (2, 128, 128) and found.scores[1] > found.scores[0]
    assert share_within(found.maps) > 0.8


def test_each_window_is_seen_for_itself(detector):
    """Window by window through the transformer, one sequence at a time, where no order can be mistaken."""
    model, visual = detector.network, detector.network.clip.visual
    tokens = torch.randn(2, 1 + 15 * 15, 64, generator=torch.Generator().manual_seed(0))
    masks = model.masks[0]  # 4 patches of a window × 196 windows
    assert masks.shape == (4, 196)
    with torch.no_grad():
        found = model._get_window_embeddings(tokens, masks)
        for image, window in ((0, 0), (0, 195), (1, 57)):
            alone = torch.cat([tokens[image, :1], tokens[image, 1 + masks[:, window]]])[None]
            expected = visual.ln_post(visual.transformer(visual.ln_pre(alone)))[0, 0] @ visual.proj
            assert torch.allclose(found[image, window], expected, atol=1e-5)


def test_references_in_parts_are_those_of_one_batch_and_can_be_stopped(tmp_path, monkeypatch):
    learned, shown = bottles(128)
    images, told, stop = torch.cat([learned, shown, learned.flip(-1)[:1]]), [], threading.Event()
    made, sizes = tiny(tmp_path), []
    monkeypatch.setattr(winclip, "BATCH", 2)
    made._model.clip.visual.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    made.fit(images, range(5), ctx=RunContext(lambda *step: told.append(step[1:])))
    assert sizes == [2, 2, 1] and told == [(done, 3) for done in range(4)]
    model, whole = made.network, copy.deepcopy(made.network)
    parts = [*model.visual_embeddings, model.patch_embeddings]
    with torch.no_grad():
        whole.setup(NAME, made._shown(images * 0.5 + 0.5))  # anomalib's own, all in one batch
    assert sizes[3:] == [5] and model.k_shot == whole.k_shot == 5
    for part, expected in zip(parts, [*whole.visual_embeddings, whole.patch_embeddings], strict=True):
        assert part.shape == expected.shape and torch.allclose(part, expected, atol=1e-5)

    def first_only(step: str, done: int, total: int) -> None:
        if done == 1:
            stop.set()

    sizes.clear()
    with pytest.raises(Stopped):
        made.fit(images, range(5), ctx=RunContext(first_only, stop))
    assert sizes == [2]


def test_a_score_does_not_depend_on_the_other_photos(detector):
    _, shown = bottles(128)
    assert torch.allclose(detector.score(shown).scores[:1], detector.score(shown[:1]).scores, atol=1e-5)
