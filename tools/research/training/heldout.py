"""How good a VQGAN is on photos that it never saw: PSNR, SSIM, perceptual distance, codebook use, seconds."""

from __future__ import annotations

import time

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure as ssim

from tgvig_core.models.perceptual import PerceptualDistance
from tgvig_core.models.vqgan import Vqgan


@torch.inference_mode()
def measure(model: Vqgan, photos: list[Tensor], device: torch.device) -> dict[str, float]:
    """Figures over 3×256×256 uint8 photos: quantised and continuous PSNR in dB, SSIM in [-1, 1], codes used in %."""
    distance = PerceptualDistance().to(device)
    model = model.eval()
    rows, codes, seconds = [], [], [0.0, 0.0]
    for photo in photos:
        image = photo[None].to(device).div(127.5).sub(1).contiguous(memory_format=torch.channels_last)
        begin = time.perf_counter()
        latents = model.encode(image)
        middle = time.perf_counter()
        quantised, _, code = model.quantise(latents)
        start = time.perf_counter()
        made = model.decode(quantised).clamp(-1, 1)
        seconds[0] += middle - begin
        seconds[1] += time.perf_counter() - start
        smooth = model.decode(latents).clamp(-1, 1)
        codes.append(code.flatten())
        rows.append([psnr(made, image), psnr(smooth, image), float(ssim(made, image, data_range=2.0)),
                     float(distance(made, image))])  # fmt: skip
    model.train()
    mean = torch.tensor(rows).mean(0).tolist()
    use = 100 * len(torch.cat(codes).unique()) / model.config.n_embed
    names = ("psnr", "psnr_continuous", "ssim", "perceptual")
    figures = dict(zip(names, mean, strict=True)) | {"codes_used_percent": use, "photos": len(photos)}
    return {k: round(v, 3) for k, v in figures.items()} | {
        "encode_s": round(seconds[0] / len(photos), 3), "decode_s": round(seconds[1] / len(photos), 3)}  # fmt: skip


def psnr(made: Tensor, image: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of images in [-1, 1]."""
    return float(10 * torch.log10(4 / (made - image).square().mean()))
