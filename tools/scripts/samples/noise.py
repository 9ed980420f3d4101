"""Tileable random fields (Perlin-style value noise by wrapped Gaussian filtering) and how to read them at points."""

import numpy as np
from scipy import ndimage

SIZE = 512


def smooth(rng, sigma):
    """A tileable field with zero mean, unit deviation and one feature size (sigma in cells; a pair for streaks)."""
    field = ndimage.gaussian_filter(rng.standard_normal((SIZE, SIZE)), sigma, mode="wrap")
    return (field - field.mean()) / field.std()


def fractal(rng, coarse=48.0, octaves=5):
    """A sum of octaves, each half as large and half as strong as the one before: clouds, stains, fracture grain."""
    total = sum(smooth(rng, coarse / 2**k) * 0.5**k for k in range(octaves))
    return total / total.std()


def at(field, x, y, cells):
    """The field at the points (x, y), with `cells` cells to one unit of length."""
    where = np.stack([np.ravel(y), np.ravel(x)]) * cells
    return ndimage.map_coordinates(field, where, order=1, mode="grid-wrap").reshape(np.shape(x))


def step(low, high, value):
    """Smooth step: 0 below `low`, 1 above `high`, a cubic between."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def mix(first, second, weight):
    """Linear blend; the weight gets a last axis when the values have a colour axis and it has not."""
    first, second, weight = np.asarray(first), np.asarray(second), np.asarray(weight)
    if max(first.ndim, second.ndim) > weight.ndim or second.shape == (3,):
        weight = weight[..., None]
    return first * (1.0 - weight) + second * weight
