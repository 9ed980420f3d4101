"""VQGAN-CLIP: the latent follows the text through the encoder's gradient, the same seed gives the same image."""

from __future__ import annotations

import math
import threading

import pytest
import torch
from small import ColourEncoder, photo_tensor, seeded, tiny_vqgan

from tgvig_core.benchmark.vqgan_clip import VqganClipSettings, great_circle, vqgan_clip
from tgvig_core.models.encoders.conse import ConseEncoder
from tgvig_core.packs.registry import PACKS, load_generator
from tgvig_core.utils.errors import Stopped
from tgvig_core.utils.progress import RunContext

FEW = VqganClipSettings(steps=25, cutouts=2)


def drawn(prompt: str, steps: int = 25, seed: int = 0) -> torch.Tensor:
    """By the embedded generator: one of random weights has no red to offer."""
    model, settings = load_generator(PACKS["embedded"]), VqganClipSettings(steps=steps, cutouts=2)
    return vqgan_clip(model, ColourEncoder(), prompt, 64, settings, seeded(seed))


def redness(images: torch.Tensor) -> float:
    encoder = ColourEncoder()
    return float(encoder.encode_images(images) @ encoder.encode_texts(["red"])[0])


def test_the_image_comes_nearer_to_its_text():
    assert redness(drawn("red")) > redness(drawn("red", steps=0)) + 0.1
    assert redness(drawn("green")) < redness(drawn("red", steps=0)) - 0.05


def test_shape_range_and_seed():
    first, again, other = drawn("red"), drawn("red"), drawn("red", seed=1)
    assert first.shape == (1, 3, 64, 64) and first.abs().max() <= 1
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_the_generator_keeps_its_weights():
    model = tiny_vqgan()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    vqgan_clip(model, ColourEncoder(), "red", 32, FEW, seeded())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_great_circle_by_hand():
    axes = torch.eye(3)
    found = great_circle(axes[:2], axes[0])
    assert found[0] == 0
    assert math.isclose(found[1], 2 * (math.pi / 4) ** 2, rel_tol=1e-5)  # ‖f − z‖ = √2, arcsin(√2/2) = π/4


def test_stop_ends_it():
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        vqgan_clip(tiny_vqgan(), ColourEncoder(), "red", 32, FEW, seeded(), ctx=RunContext(stop=stop))


def test_the_embedded_encoder_has_a_gradient_and_the_same_values():
    encoder, image = ConseEncoder(), photo_tensor("hazelnut", 1, 64).requires_grad_()
    wanted = encoder.encode_images(image)
    found = encoder.image_features(image)
    torch.testing.assert_close(found.detach(), wanted, atol=1e-5, rtol=0)
    text = encoder.encode_texts(["a bird"])[0].clone()  # outside of inference mode
    (slope,) = torch.autograd.grad((found @ text).sum(), [image])
    with torch.no_grad():  # along the gradient the score must rise
        nearer = encoder.encode_images(image + 0.02 * slope / slope.abs().max()) @ text
    assert slope.isfinite().all() and float(nearer) > float(wanted @ text)
