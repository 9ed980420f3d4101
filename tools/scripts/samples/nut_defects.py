"""Three defects of a nut, cut into its mesh: a fresh gouge, a conchoidal chip, a patch of rust."""

import numpy as np

from . import noise, paths


def scratch(nut, rng, level):
    """A tool slipped over the face: a groove with raised burrs and bright bare metal; level 4 is long and wide."""
    length, width = np.linspace(0.38, 1.15, 5)[level], np.linspace(0.013, 0.024, 5)[level]
    spot = rng.uniform(0, 2 * np.pi)
    middle = rng.uniform(0.74, 0.9) * np.array([np.cos(spot), np.sin(spot)])
    heading = spot + np.pi / 2 + rng.uniform(-0.75, 0.75)
    start = middle - 0.5 * length * np.array([np.cos(heading), np.sin(heading)])
    strokes = [(start, heading, length, width)]
    if level in (1, 3):
        strokes.append((start + rng.normal(0, 0.05, 2), heading + rng.normal(0, 0.12), 0.6 * length, 0.65 * width))
    for begin, angle, reach, half in strokes:
        line = paths.wander(rng, begin, angle, reach, bend=rng.normal(0, 0.25), jitter=0.02)
        gouge(nut, rng, line, half)


def gouge(nut, rng, line, half):
    """Press one groove of that half width along the line into the face."""
    away, along = paths.near(nut.x, nut.y, line, 4 * half)
    shake = 1 + 0.18 * noise.at(noise.smooth(rng, 2.0), nut.x, nut.y, 160)
    ratio = np.where(nut.zones["face"], away, np.inf) / (half * paths.taper(along) * shake)
    inside = 1.0 - noise.step(0.75, 1.1, ratio)
    burr = np.exp(-(((ratio - 1.25) / 0.25) ** 2))
    nut.points[..., 2] += half * (0.35 * burr - 1.0 * np.clip(1 - ratio**2, 0, 1))
    nut.maps["color"] = noise.mix(nut.maps["color"], np.array([0.93, 0.92, 0.90]), inside)
    nut.maps["rough"] = noise.mix(nut.maps["rough"], 0.24, inside)
    nut.mark((ratio < 1.4).astype(float))


def chip(nut, rng, level):
    """A piece broken out at a corner, a flat or the rim of the bore: a grainy hollow, dark against the face."""
    place = ("rim", "corner", "flat", "corner", "corner")[level]
    radius = {"rim": 0.13, "flat": 0.19}.get(place, (0, 0.2, 0, 0.33, 0.42)[level])
    spot = np.pi / 6 + np.pi / 3 * rng.integers(6) + {"corner": rng.normal(0, 0.05)}.get(place, rng.uniform(0.3, 0.7))
    out = {"rim": 0.63, "flat": 1.04, "corner": 1.14}[place]
    top = 0.85 if place == "rim" else 0.80
    centre = np.array([out * np.cos(spot), out * np.sin(spot), top + 0.25 * radius])
    away = nut.points - centre
    distance = np.linalg.norm(away, axis=-1)
    unit = away / distance[..., None]
    lumps = noise.at(noise.fractal(rng, 30), nut.x + unit[..., 2] * 0.3, nut.y + nut.z, 230)
    grain = noise.at(noise.smooth(rng, 1.0), unit[..., 0] - unit[..., 2], unit[..., 1] + 0.5 * unit[..., 2], 90)
    wall = radius * (1 + 0.09 * lumps + 0.012 * grain)
    gone = distance < wall
    nut.points = np.where(gone[..., None], centre + unit * wall[..., None], nut.points)
    shade = np.clip(0.36 * (1 + 0.12 * grain + 0.15 * lumps), 0.05, 0.7)[..., None] * np.array([1.0, 0.985, 0.96])
    nut.maps["color"] = np.where(gone[..., None], shade, nut.maps["color"])
    nut.maps["rough"] = np.where(gone, 0.6, nut.maps["rough"])
    nut.maps["metal"] = np.where(gone, 0.75, nut.maps["metal"])
    nut.mark(gone.astype(float))


def rust(nut, rng, level):
    """A brown-orange patch with a ragged rim and powdery relief, from a spot to a third of the face."""
    radius = np.linspace(0.12, 0.42, 5)[level]
    spot, out = rng.uniform(0, 2 * np.pi), rng.uniform(0.76, 0.98)
    away = np.hypot(nut.x - out * np.cos(spot), nut.y - out * np.sin(spot)) / radius
    ragged = noise.at(noise.fractal(rng, 24), nut.x + 0.4 * nut.z, nut.y, 220)
    crust = noise.at(noise.smooth(rng, 1.3), nut.x + 0.5 * nut.z, nut.y + 0.5 * nut.z, 230)
    cover = noise.step(-0.10, 0.12, 1.0 - away + 0.26 * ragged) * (away < 1.9)
    cover = cover * np.where(nut.zones["bore"] & (nut.z < 0.7), 0.0, 1.0)
    hue = noise.mix(
        np.array([0.15, 0.055, 0.022]) + 0 * nut.points,
        np.array([0.40, 0.16, 0.045]),
        noise.step(-1.2, 1.4, 0.7 * ragged + 0.7 * crust),
    )
    nut.points[..., 2] += nut.zones["face"] * cover * 0.0022 * crust
    nut.maps["color"] = noise.mix(nut.maps["color"], hue, 0.94 * cover)
    nut.maps["rough"] = noise.mix(nut.maps["rough"], 0.85, cover)
    nut.maps["metal"] = nut.maps["metal"] * (1 - 0.95 * cover)
    nut.mark((cover > 0.35).astype(float))


KINDS = {"scratch": scratch, "chip": chip, "rust": rust}
