"""Three defects of a capsule: a crack through the shell, a pushed-in dent, a print gone wrong."""

import numpy as np
from scipy import ndimage

from . import noise, paths


def crack(shell, fill, rng, level):
    """The shell is split: a jagged opening onto the powder, white stressed rims, lifted edges; sometimes a branch."""
    length, half = np.linspace(0.30, 1.05, 5)[level], np.linspace(0.010, 0.024, 5)[level]
    start = np.array([rng.uniform(-0.95, 0.55), rng.uniform(-0.22, 0.22)])
    heading = rng.uniform(-0.9, 0.9)
    line = paths.wander(rng, start, heading, length, bend=rng.normal(0, 0.3), jitter=0.55)
    lines = [(line, half)]
    if level >= 2:
        fork = line[rng.integers(120, 260)]
        aside = heading + rng.choice([-1, 1]) * 0.9
        lines.append((paths.wander(rng, fork, aside, 0.4 * length, jitter=0.5), 0.6 * half))
    ratio = np.full(shell.x.shape, np.inf)
    for path, width in lines:
        away, along = paths.near(shell.zones["along"], shell.zones["across"], path, 6 * width)
        ratio = np.minimum(ratio, away / (width * paths.taper(along, 0.3)))
    lip = np.exp(-(np.clip(ratio - 1, 0, 50) ** 2))
    shell.points = shell.points + shell.zones["normal"] * (0.5 * half * lip)[..., None]
    white = np.clip(shell.maps["color"] * 1.25 + 0.12, 0, 0.9)
    shell.maps["color"] = noise.mix(shell.maps["color"], white, 0.75 * np.exp(-(np.clip(ratio - 1, 0, 50) ** 2) / 0.8))
    shell.maps["opacity"] = (ratio > 1).astype(float)
    shell.mark((ratio < 1.9).astype(float))
    fill.maps["color"] = fill.maps["color"] * 0.5


def dent(shell, fill, rng, level):
    """The shell is pushed in: an oval hollow with a fold at its rim, deep and wide at level 4."""
    wide, depth = np.linspace(0.17, 0.36, 5)[level], np.linspace(0.055, 0.17, 5)[level]
    u0, v0 = rng.uniform(-0.95, 0.95), rng.uniform(-0.20, 0.20)
    u, v = shell.zones["along"] - u0, shell.zones["across"] - v0
    spin, ratio = rng.uniform(0, np.pi), rng.uniform(0.65, 0.9)
    a, b = u * np.cos(spin) + v * np.sin(spin), (v * np.cos(spin) - u * np.sin(spin)) / ratio
    wave = 0.07 * noise.at(noise.smooth(rng, 30), u + 1, v + 2, 110)
    away = np.hypot(a, b) / wide * (1 + wave)
    push = depth * np.clip(1 - away**2, 0, None) ** 1.3
    rim = 0.10 * depth * np.exp(-(((away - 1.05) / 0.12) ** 2))
    shell.points = shell.points + shell.zones["normal"] * (rim - push)[..., None]
    fill.points = fill.points - shell.zones["normal"] * (push + 0.02 * (away < 1.1))[..., None]
    shell.mark((away < 1.08).astype(float))


def misprint(ink, rng, level):
    """The print gone wrong; by level: a blot, a worn spot, a lost word, a smear, a double print."""
    middle, unit = np.array(ink.shape) // 2, ink.shape[1] / 2.84
    y, x = np.mgrid[: ink.shape[0], : ink.shape[1]]
    side = rng.choice([-0.66, 0.62])
    u, v = (x - middle[1]) / unit, (y - middle[0]) / unit
    ragged = noise.at(noise.fractal(rng, 30), u + 3, v + 3, 200)
    if level == 0:
        spot = np.hypot(u - side - rng.uniform(-0.3, 0.3), v - rng.uniform(-0.2, 0.2)) + 0.012 * ragged
        return np.maximum(ink, 1 - noise.step(0.055, 0.07, spot))
    if level == 1:
        worn = np.hypot(u - side - rng.choice([-0.2, 0.2]), v - 0.03) + 0.03 * ragged
        return ink * noise.step(0.13, 0.17, worn)
    if level == 2:
        return ink * (np.abs(u - side) > 0.5)
    if level == 3:
        word = ink * (np.abs(u - side) < 0.5)
        drag = ndimage.uniform_filter1d(word, int(0.30 * unit), axis=0, origin=-int(0.12 * unit))
        return np.clip(np.maximum(ink - 0.45 * word, 1.5 * drag * (0.85 + 0.15 * ragged)), 0, 1)
    return np.maximum(ink, np.roll(ink, (int(0.075 * unit), int(0.10 * unit)), (0, 1)))


def differs(change):
    """Where ink is missing or too much, small gaps closed."""
    spots = np.abs(change) > 0.3
    return ndimage.binary_closing(spots, iterations=4).astype(float)


SHAPES = {"crack": crack, "dent": dent}
