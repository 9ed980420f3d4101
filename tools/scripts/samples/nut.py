"""A turned steel hex nut as one polar grid: flats, 30 degree chamfer cone, face, countersink and helical thread."""

import numpy as np

from . import ground, noise, nut_defects
from .surface import Surface, attribute

HEIGHT, CHAMFER, MINOR, SINK, PITCH, DEPTH = 0.82, 0.955, 0.53, 0.655, 0.17, 0.075
COLUMNS, SIDE, FACE, BORE = 1600, 24, 250, 150
VIEW = {"distance": 11.0, "tilt": 13.0, "fov": 17.0, "target": 0.45, "paths": 64, "depth": 7}
LIGHT = {"key": 6.5, "strip": 8.0, "ambient": 0.22, "azimuth": 128.0, "elevation": 56.0}


def hexagon(angle):
    """Distance from the axis to the hexagon with apothem 1, its corners rounded by a soft maximum."""
    planes = np.stack([np.cos(angle - k * np.pi / 3) for k in range(6)])
    return 1.0 / (np.clip(planes, 0, None) ** 70).sum(0) ** (1 / 70)


def face_height(radius):
    """Top of the nut at a radius: flat, then falling along the chamfer cone with a rounded edge."""
    over = radius - CHAMFER
    return HEIGHT - np.tan(np.radians(30)) * 0.5 * (over + np.sqrt(over**2 + 0.012**2))


def bore_radius(angle, height):
    """Radius of the bore: the countersink cone or the helical thread, whichever is wider."""
    phase = height / PITCH - angle / (2 * np.pi)
    wave = np.abs(2.0 * (phase - np.floor(phase)) - 1.0)
    thread = MINOR + DEPTH * np.clip(wave * 1.5 - 0.25, 0.0, 1.0)
    over = SINK - (HEIGHT - height) * 1.1 - thread
    return thread + 0.5 * (over + np.sqrt(over**2 + 0.008**2))


def shape():
    """The ideal nut: points of the grid from the foot of the flats over the face and down the bore."""
    angle = np.linspace(0, 2 * np.pi, COLUMNS, endpoint=False)
    outer = hexagon(angle)
    side_z = np.linspace(0, 1, SIDE)[:, None] * face_height(outer)
    down = np.linspace(0, 1, BORE)[:, None] * np.ones(COLUMNS)
    bore_z = HEIGHT * (1.0 - down)
    bore_r = bore_radius(angle, bore_z)
    t = np.linspace(0, 1, FACE + 2)[1:-1, None]
    face_r = outer * (1 - t) + bore_r[:1] * t
    radius = np.concatenate([np.broadcast_to(outer, side_z.shape), face_r, bore_r])
    height = np.concatenate([side_z, np.minimum(face_height(face_r), HEIGHT), bore_z])
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], -1)
    rows = np.arange(len(points))[:, None]
    return Surface(points, True, zones={"face": (rows >= SIDE) & (rows < SIDE + FACE), "bore": rows >= SIDE + FACE})


def weather(nut, rng):
    """Normal life of the metal: turning marks, cast pits, light handling marks, stains of oil, uneven roughness."""
    radius = np.hypot(nut.x, nut.y)
    u, v = nut.x + 0.7 * nut.z, nut.y + 0.6 * nut.z
    marks = noise.at(noise.smooth(rng, (0.0, 60.0)), np.arctan2(nut.y, nut.x) * 40.75, radius * 1.0, 1.0)
    groove = noise.at(noise.smooth(rng, (1.0, 40.0)), np.arctan2(nut.y, nut.x) * 81.5, radius * 130, 1.0)
    cast, grain = noise.at(noise.fractal(rng), u, v, 130), noise.at(noise.smooth(rng, 1.2), u, v, 190)
    stain = noise.at(noise.fractal(rng, 70), u, v, 90)
    on_face = nut.zones["face"] & (radius > SINK)
    nut.points[..., 2] += on_face * (0.00022 * groove + 0.0012 * cast + 0.00022 * grain)
    nut.points[..., :2] *= (1.0 + np.where(on_face, 0.0, 0.0022 * cast + 0.0005 * grain))[..., None]
    base = np.array([0.47, 0.462, 0.45]) * rng.uniform(0.93, 1.07) * (1 + rng.normal(0, 0.012, 3))
    tone = 1.0 + 0.05 * stain + 0.03 * grain + 0.03 * groove + 0.01 * marks
    dirt = noise.step(0.7, 2.2, stain)
    nut.maps["color"] = np.clip(noise.mix(base * tone[..., None], base * [0.66, 0.62, 0.56], 0.55 * dirt), 0.02, 0.98)
    nut.maps["rough"] = np.clip(0.34 + 0.045 * stain + 0.03 * cast + 0.12 * dirt, 0.2, 0.8)
    nut.maps["metal"] = np.full(nut.x.shape, 0.97)


def build(rng, defect=None, level=0):
    """A nut lying near the middle with its belt below; the defect (a kind, with level 0 to 4) comes last."""
    nut = shape()
    weather(nut, rng)
    turn, shift = rng.normal(0, np.radians(5)), rng.normal(0, 0.035, 2)
    floor = ground.belt(rng)
    if defect:
        nut_defects.KINDS[defect](nut, rng, level)
    c, s = np.cos(turn), np.sin(turn)
    nut.points = nut.points @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + [*shift, 0.0]
    return [(nut, steel()), (floor, ground.RUBBER)]


def steel():
    """Metal with circular grain (the highlight is drawn out across the turning marks)."""
    return {
        "type": "twosided",
        "bsdf": {
            "type": "principled",
            "base_color": attribute("color"),
            "roughness": attribute("rough"),
            "metallic": attribute("metal"),
            "anisotropic": 0.35,
            "specular": 0.5,
        },
    }
