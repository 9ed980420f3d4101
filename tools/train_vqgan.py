"""Train the compact VQGAN on a folder of photos (recipe of Esser et al. 2021, shortened for a small model and few hours).

    python tools/train_vqgan.py --photos DIR --work DIR [--steps 3000] [--export FILE]

Resumable: the same command goes on from WORK/state.pt; `--steps` may be raised. The first `--quantise-start` steps train
a plain autoencoder; then the codebook starts at k-means centres of its latents, which puts every code to use at once.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from taming.modules.discriminator.model import NLayerDiscriminator, weights_init

from tgvig_core.checkpoints import save_vqgan
from tgvig_core.vqgan import COMPACT_F8, Vqgan
from tools.training import codebook, heldout
from tools.training.photos import Crops, load_photos


def parse() -> argparse.Namespace:
    """The settings of one training; all are kept in the checkpoint's model card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--photos", type=Path, required=True, help="folder of photos to train on (every 31st is held out)"
    )
    parser.add_argument("--work", type=Path, required=True, help="where the state and the log of this training live")
    parser.add_argument("--measure", type=Path, nargs="*", default=[], help="further folders that are only measured")
    parser.add_argument("--export", type=Path, help="write the EMA weights and a model card here at the end")
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--crop", type=int, default=64, help="pixels; a multiple of 8")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate after warm-up; falls as a cosine")
    parser.add_argument("--quantise-start", type=int, default=1000)
    parser.add_argument("--continuous-share", type=float, default=0.25,
                        help="share of images decoded from unquantised latents: Eq. 3 decodes means, off the codebook")  # fmt: skip
    parser.add_argument("--perceptual-start", type=int, default=1500)
    parser.add_argument("--perceptual", type=float, default=0.1, help="weight of the perceptual distance")
    parser.add_argument("--adversarial-start", type=int, default=20000)
    parser.add_argument("--adversarial", type=float, default=0.1, help="weight of the PatchGAN term")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args()


class Trainer:
    """Everything that a training step changes, and how it is saved and brought back."""

    def __init__(self, options: argparse.Namespace) -> None:
        torch.manual_seed(options.seed)
        self.options, self.step, self.seconds = options, 0, 0.0
        self.device = torch.device(options.device)
        layout = torch.channels_last
        self.model = Vqgan(COMPACT_F8).to(self.device, memory_format=layout)
        self.average = copy.deepcopy(self.model).requires_grad_(False)
        self.critic = NLayerDiscriminator(ndf=32).apply(weights_init).to(self.device, memory_format=layout)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1.0, betas=(0.9, 0.99), weight_decay=1e-4)
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=1e-4, betas=(0.5, 0.9))
        self.usage = torch.zeros(COMPACT_F8.n_embed, device=self.device)
        self.perceptual = None
        self.generator = torch.Generator().manual_seed(options.seed)

    PARTS = ("model", "average", "critic", "optimiser", "critic_optimiser")

    def save(self) -> None:
        """Write the whole state; a crash leaves the former one."""
        state = {name: getattr(self, name).state_dict() for name in self.PARTS}
        state |= {"step": self.step, "seconds": self.seconds, "usage": self.usage, "random": self.generator.get_state()}
        state["torch_random"] = torch.get_rng_state()
        part = self.options.work / "state.part"
        torch.save(state, part)
        os.replace(part, self.options.work / "state.pt")

    def load(self) -> None:
        """Go on from WORK/state.pt where there is one."""
        file = self.options.work / "state.pt"
        if not file.exists():
            return
        state = torch.load(file, map_location="cpu", weights_only=True)
        for name in self.PARTS:
            getattr(self, name).load_state_dict(state[name])
        self.step, self.seconds, self.usage = state["step"], state["seconds"], state["usage"].to(self.device)
        self.generator.set_state(state["random"])
        torch.set_rng_state(state["torch_random"])

    def rate(self) -> float:
        """Warm-up over 100 steps, then a cosine that ends at a twentieth."""
        share = min(1.0, self.step / self.options.steps)
        return (
            self.options.rate * min(1.0, (self.step + 1) / 100) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * share)))
        )

    def reconstruct(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images through the model, some past the codebook; and the codebook + commitment loss."""
        latents = self.model.encode(images)
        if self.step < self.options.quantise_start:
            return self.model.decode(latents), latents.new_zeros(())
        quantised, loss, codes = self.model.quantise(latents)
        self.usage += torch.bincount(codes.flatten(), minlength=len(self.usage))
        past = torch.rand(len(images), 1, 1, 1, device=latents.device) < self.options.continuous_share
        return self.model.decode(torch.where(past, latents, quantised)), loss

    def update(self, images: Tensor) -> dict[str, float]:
        """One step of the generator and, once its time has come, of the critic. Returns the losses."""
        o = self.options
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        made, codebook_loss = self.reconstruct(images)
        losses = {"l1": (made - images).abs().mean(), "l2": (made - images).square().mean(), "codebook": codebook_loss}
        total = losses["l1"] + losses["l2"] + codebook_loss
        if self.step >= o.perceptual_start:
            losses["perceptual"] = self.perceive(made, images)
            total = total + o.perceptual * losses["perceptual"]
        if self.step >= o.adversarial_start:
            losses["adversarial"] = -self.critic(made).mean()
            total = total + o.adversarial * losses["adversarial"]
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        if self.step >= o.adversarial_start:
            losses["critic"] = self.teach_critic(images, made.detach())
        self.average_weights()
        return {name: float(value.detach()) for name, value in losses.items()}

    def perceive(self, made: Tensor, images: Tensor) -> Tensor:
        """Mean perceptual distance of a batch; its trunk is loaded when it is first needed."""
        if self.perceptual is None:
            from tgvig_core.perceptual import PerceptualDistance

            self.perceptual = PerceptualDistance().to(self.device, memory_format=torch.channels_last)
        return self.perceptual(made, images).mean()

    def teach_critic(self, real: Tensor, made: Tensor) -> Tensor:
        """Hinge loss of the PatchGAN, as in VQGAN."""
        loss = 0.5 * (F.relu(1 - self.critic(real)).mean() + F.relu(1 + self.critic(made)).mean())
        self.critic_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.critic_optimiser.step()
        return loss

    def average_weights(self) -> None:
        """Exponential moving average whose memory grows to 1000 steps."""
        keep = min(0.999, (1 + self.step) / (10 + self.step))
        for slow, fast in zip(self.average.parameters(), self.model.parameters(), strict=True):
            slow.data.lerp_(fast.data, 1 - keep)


def main() -> None:
    """Train, log every 50 steps, measure on held-out photos every 500, save as often."""
    o = parse()
    torch.set_num_threads(o.threads)
    torch.set_flush_denormal(True)  # denormal numbers in Adam and the moving average slow a CPU many times over
    o.work.mkdir(parents=True, exist_ok=True)
    train, held = load_photos(o.photos)
    measured = {
        "natural": held,
        **{"/".join(folder.parts[-3:]): load_photos(folder, hold_out=1)[1] for folder in o.measure},
    }
    crops = Crops(train, o.crop)
    trainer = Trainer(o)
    trainer.load()
    with (o.work / "log.jsonl").open("a") as log:
        figures = run(trainer, crops, measured, log)
    if o.export:
        settings = {key: value for key, value in vars(o).items() if not isinstance(value, (Path, list))}
        card = {
            "model": "compact VQGAN f8 (Esser et al. 2021), EMA weights in float16", "shape": asdict(COMPACT_F8),
            "parameters": sum(weight.numel() for weight in trainer.average.parameters()),
            "data": f"{len(train)} photos, one an ImageNet class, {len(held)} more held out; no photo of a measured category",
            "licence": "Apache-2.0 (weights); the photos were used for research and are not part of the project",
            "steps": trainer.step, "hours": round(trainer.seconds / 3600, 2), "settings": settings, "figures": figures,
        }  # fmt: skip
        save_vqgan(trainer.average, o.export, card)


def run(trainer: Trainer, crops: Crops, measured: dict[str, list[Tensor]], log) -> dict:
    """The loop; returns the last measured figures."""
    o, figures, start = trainer.options, {}, time.monotonic()
    while trainer.step < o.steps:
        if trainer.step == o.quantise_start:
            codebook.initialise(trainer.model, crops, trainer.generator, trainer.device)
            trainer.average.load_state_dict(trainer.model.state_dict())
        images = crops.batch(o.batch, trainer.generator).to(trainer.device, memory_format=torch.channels_last)
        losses = trainer.update(images)
        trainer.step += 1
        if trainer.step > o.quantise_start and trainer.step % 100 == 0 and trainer.step < 0.9 * o.steps:
            losses["dead"] = codebook.revive(trainer.model, trainer.usage, images, trainer.generator)
        if trainer.step % 50 == 0:
            write(
                log,
                {"step": trainer.step, "rate": trainer.rate(), "seconds": round(time.monotonic() - start), **losses},
            )
        if trainer.step % 250 == 0 or trainer.step == o.steps:
            trainer.seconds += time.monotonic() - start
            start = time.monotonic()
            figures = {
                name: heldout.measure(trainer.average, photos, trainer.device) for name, photos in measured.items()
            }
            write(log, {"step": trainer.step, "figures": figures})
            trainer.save()
    return figures or {
        name: heldout.measure(trainer.average, photos, trainer.device) for name, photos in measured.items()
    }


def write(log, row: dict) -> None:
    """One line of the log, on disk and on the screen."""
    line = json.dumps({key: round(value, 5) if isinstance(value, float) else value for key, value in row.items()})
    log.write(line + "\n")
    log.flush()
    print(line, flush=True)


if __name__ == "__main__":
    main()
