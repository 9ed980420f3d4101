"""From linear light to a photo: exposure, lens falloff, ACES-like tone curve (Narkowicz 2015), sensor noise."""

import numpy as np
from scipy import ndimage


def develop(linear, rng, exposure=1.0):
    """An 8-bit sRGB picture of the linear render, with the shot and read noise of a small sensor."""
    size = linear.shape[0]
    y, x = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    light = np.clip(linear, 0, 40) * exposure * rng.uniform(0.96, 1.04) * (1 - 0.07 * (x**2 + y**2))[..., None]
    glow = ndimage.gaussian_filter(np.minimum(light, 4.0), (5, 5, 0))
    light = ndimage.gaussian_filter(0.97 * light + 0.03 * glow, (0.35, 0.35, 0))
    light = light + rng.standard_normal(light.shape) * np.sqrt(3e-5 * light + 1.5e-6)
    return np.round(255 * srgb(tone(np.clip(light, 0, None)))).astype(np.uint8)


def tone(light):
    """The fitted filmic curve: a toe, a nearly straight middle, a shoulder."""
    return np.clip(light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14), 0, 1)


def srgb(linear):
    """The sRGB transfer curve."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)
