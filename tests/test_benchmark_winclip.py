"""WinCLIP's real path over a CLIP of its architecture that is small and random: words, windows, references, maps."""

import json
from pathlib import Path

import open_clip
import pytest
import torch
from made_backbones import bottles, share_within
from safetensors.torch import save_file

from tgvig_core.benchmark.winclip import WEIGHTS, WinClip

TINY = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 240, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def detector(tmp_path_factory) -> WinClip:
    folder: Path = tmp_path_factory.mktemp("clip")
    (folder / "ViT-tiny-240.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder / "ViT-tiny-240.json")
    with torch.random.fork_rng(devices=[]), pytest.MonkeyPatch.context() as patch:
        torch.manual_seed(0)
        save_file(open_clip.create_model("ViT-tiny-240").state_dict(), folder / WEIGHTS.name)
        patch.setenv("TGVIG_CACHE", str(folder / "cache"))
        made = WinClip(128, folder, architecture="ViT-tiny-240")
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


def test_a_score_does_not_depend_on_the_other_photos(detector):
    _, shown = bottles(128)
    assert torch.allclose(detector.score(shown).scores[:1], detector.score(shown[:1]).scores, atol=1e-5)
