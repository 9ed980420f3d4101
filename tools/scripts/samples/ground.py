"""What the part lies on: a dark woven conveyor belt, a sheet of paper; grids with relief and colour noise."""

import numpy as np

from . import noise
from .surface import Surface, attribute

RUBBER = {
    "type": "twosided",
    "bsdf": {"type": "principled", "base_color": attribute("color"), "roughness": attribute("rough"), "specular": 0.45},
}
PAPER = {"type": "twosided", "bsdf": {"type": "diffuse", "reflectance": attribute("color")}}


def sheet(rng, half=2.1, cells=560):
    """A flat square grid and a random offset into the noise, so that every photo shows another spot of it."""
    y, x = np.meshgrid(np.linspace(-half, half, cells), np.linspace(-half, half, cells), indexing="ij")
    surface = Surface(np.stack([x, y, np.zeros_like(x)], -1), False)
    return surface, x + rng.uniform(0, 9), y + rng.uniform(0, 9)


def belt(rng):
    """Dark grey rubber over fabric: a fine diagonal weave showing through, dust and rubbed spots."""
    surface, x, y = sheet(rng)
    weave = np.sin((x + y) * 62) * np.sin((x - y) * 62)
    rub, grain = noise.at(noise.fractal(rng, 60), x, y, 80), noise.at(noise.smooth(rng, 0.8), x, y, 110)
    dust = noise.step(2.4, 3.2, noise.at(noise.smooth(rng, 0.9), x, y, 60))
    surface.points[..., 2] = 0.0028 * weave + 0.002 * grain
    tone = 0.052 * (1 + 0.16 * rub + 0.10 * grain + 0.12 * weave) * rng.uniform(0.9, 1.12)
    color = np.clip(tone, 0.012, 0.3)[..., None] * np.array([0.96, 1.0, 1.05])
    surface.maps["color"] = noise.mix(color, np.array([0.2, 0.195, 0.18]), 0.5 * dust)
    surface.maps["rough"] = np.clip(0.62 + 0.06 * rub + 0.03 * grain, 0.4, 0.9)
    return surface


def paper(rng):
    """Grey-blue uncoated paper: fibres, cloudy formation, a little relief."""
    surface, x, y = sheet(rng)
    cloud, fibre = noise.at(noise.fractal(rng, 30), x, y, 90), noise.at(noise.smooth(rng, (0.7, 4.0)), x, y, 100)
    cross, grain = noise.at(noise.smooth(rng, (4.0, 0.7)), x, y, 100), noise.at(noise.smooth(rng, 0.8), x, y, 140)
    surface.points[..., 2] = 0.0012 * (fibre + cross) + 0.0010 * grain
    tone = 0.34 * (1 + 0.018 * cloud + 0.020 * (fibre + cross) + 0.015 * grain) * rng.uniform(0.95, 1.05)
    surface.maps["color"] = np.clip(tone, 0.05, 0.9)[..., None] * np.array([0.93, 0.98, 1.03])
    return surface
