"""A two-piece gelatin capsule (size 0 proportions): printed translucent shell of thin dielectric over its powder."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from . import capsule_defects, ground, noise
from .surface import Surface, attribute

LENGTH, BODY, CAP, JOIN = 2.84, 0.470, 0.5, -0.12
ROWS, COLUMNS = 860, 960
INK_CELLS = 320
VIEW = {"distance": 11.0, "tilt": 10.0, "fov": 16.6, "target": 0.4, "paths": 40, "depth": 5}
LIGHT = {"key": 6.6, "strip": 4.6, "ambient": 0.35, "azimuth": 112.0, "elevation": 58.0}
CAP_COLOR, BODY_COLOR = np.array([0.045, 0.27, 0.36]), np.array([0.83, 0.76, 0.60])
CAP_INK, BODY_INK = np.array([0.86, 0.87, 0.84]), np.array([0.045, 0.05, 0.075])
PRINTS = (("TGV", 0.62), ("250", -0.66))


def profile():
    """Position along the axis and radius: round end, body, the cap's rim, its lock groove, the cap's round end."""
    half = np.linspace(0, np.pi / 2, 190)
    left = -LENGTH / 2 + BODY * 1.08 * (1 - np.cos(half))
    right = LENGTH / 2 - CAP * 1.08 * (1 - np.cos(half))
    middle = np.linspace(left[-1], right[-1], ROWS - 380 + 2)[1:-1]
    shell = BODY + (CAP - BODY) * noise.step(JOIN - 0.008, JOIN + 0.008, middle)
    shell = shell - 0.010 * np.exp(-(((middle - JOIN - 0.34) / 0.022) ** 2))
    radius = np.concatenate([BODY * np.sin(half), shell, CAP * np.sin(half)[::-1]])
    return np.concatenate([left, middle, right[::-1]]), radius


def tube(scale=1.0):
    """The capsule's skin as a grid, along the axis by around it; angle 0 is up, `across` is arc length from there."""
    x, radius = profile()
    angle = np.linspace(np.pi, -np.pi, COLUMNS, endpoint=False)
    radius = np.maximum(radius, 1e-4)[:, None] * scale
    points = np.stack([x[:, None] * scale + 0 * angle, radius * np.sin(angle), radius * np.cos(angle)], -1)
    along = x[:, None] + 0 * angle
    return Surface(
        points,
        True,
        zones={"along": along, "across": CAP * angle + 0 * along, "normal": outward(x, radius[:, 0], angle)},
    )


def outward(x, radius, angle):
    """Unit normals of the ideal tube, softened along the axis."""
    slope = np.arctan2(np.gradient(radius), np.gradient(x))[:, None]
    slope = ndimage.gaussian_filter1d(slope, 2, axis=0)
    return np.stack([-np.sin(slope) + 0 * angle, np.cos(slope) * np.sin(angle), np.cos(slope) * np.cos(angle)], -1)


def prints():
    """The print as it should be: 1 where ink is wanted, on the unrolled skin (INK_CELLS to a unit, middle at 0)."""
    picture = Image.new("L", (int(LENGTH * INK_CELLS), int(np.pi * INK_CELLS)))
    draw = ImageDraw.Draw(picture)
    for text, where in PRINTS:
        spot = (picture.width / 2 + where * INK_CELLS, picture.height / 2)
        draw.text(spot, text, fill=255, font=ImageFont.load_default(0.36 * INK_CELLS), anchor="mm", stroke_width=2)
    return ndimage.gaussian_filter(np.asarray(picture, dtype=float)[::-1] / 255, 1.2)


def read(ink, along, across):
    """The unrolled picture at points of the skin."""
    row, column = across * INK_CELLS + ink.shape[0] / 2, along * INK_CELLS + ink.shape[1] / 2
    return ndimage.map_coordinates(ink, np.stack([row.ravel(), column.ravel()]), order=1).reshape(along.shape)


def paint(shell, rng, ink):
    """Colours of the two halves, the darker overlap, ink with small pinholes, uneven gloss, powder dust."""
    along, across = shell.zones["along"], shell.zones["across"]
    cloud, grain = (noise.at(f, along, across, 110) for f in (noise.fractal(rng, 60), noise.smooth(rng, 0.9)))
    tint = rng.uniform(0.95, 1.05) * (1 + rng.normal(0, 0.012, 3))
    half = noise.step(JOIN - 0.004, JOIN + 0.004, along)
    color = noise.mix(BODY_COLOR * tint, CAP_COLOR * tint, half)
    overlap = half * (1 - noise.step(0.52, 0.54, along - JOIN))
    color = color * (1 + 0.020 * cloud - 0.16 * overlap)[..., None]
    holes = noise.step(-2.3, -1.5, noise.at(noise.smooth(rng, 1.0), along, across, 170))
    wet = read(ink, along, across) * (0.86 + 0.12 * holes + 0.02 * cloud)
    color = noise.mix(color, noise.mix(BODY_INK + 0 * color, CAP_INK, half), np.clip(wet, 0, 1))
    dust = noise.step(3.1, 3.6, grain)
    shell.maps["color"] = np.clip(noise.mix(color, np.array([0.8, 0.78, 0.72]), 0.35 * dust), 0.01, 0.95)
    shell.maps["rough"] = np.clip(0.25 + 0.03 * cloud + 0.15 * wet + 0.2 * dust, 0.15, 0.8)
    shell.maps["opacity"] = np.ones(along.shape)
    ripple = 0.0020 * noise.at(noise.smooth(rng, 26), along, across, 90) + 0.00004 * grain
    shell.points = shell.points + shell.zones["normal"] * ripple[..., None]


def build(rng, defect=None, level=0):
    """A capsule lying near the middle on paper, with its powder inside; the defect comes last."""
    shell, ink = tube(), prints()
    shell.zones["seed"] = int(rng.integers(2**31))
    turn, roll, shift = rng.normal(0, np.radians(3.5)), rng.normal(0, np.radians(6)), rng.normal(0, 0.04, 2)
    floor = ground.paper(rng)
    if defect == "misprint":
        good, ink = ink, capsule_defects.misprint(ink, rng, level)
        shell.mark(capsule_defects.differs(read(ink, *skin(shell)) - read(good, *skin(shell))))
    paint(shell, np.random.default_rng(shell.zones["seed"]), ink)
    fill = tube(0.90)
    fill.maps["color"] = np.array([0.72, 0.66, 0.52]) + 0 * fill.points
    if defect in capsule_defects.SHAPES:
        capsule_defects.SHAPES[defect](shell, fill, rng, level)
    for surface in (shell, fill):
        place(surface, turn, roll, shift)
    return [(shell, gelatin()), (floor, ground.PAPER), (fill, ground.PAPER)]


def skin(shell):
    """The two coordinates of the unrolled skin."""
    return shell.zones["along"], shell.zones["across"]


def place(surface, turn, roll, shift):
    """Roll about the axis, turn on the table, shift, and lay down."""
    c, s, p, q = np.cos(turn), np.sin(turn), np.cos(roll), np.sin(roll)
    spin = np.array([[1, 0, 0], [0, p, q], [0, -q, p]]) @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    surface.points = surface.points @ spin + [*shift, CAP + 0.003]


def gelatin():
    """A glossy shell that lets part of the light through diffusely; cut away where opacity is 0."""
    gloss = {
        "type": "principled",
        "base_color": attribute("color"),
        "roughness": attribute("rough"),
        "specular": 0.6,
        "clearcoat": 1.0,
        "clearcoat_gloss": 0.85,
    }
    thin = {
        "type": "principledthin",
        "base_color": attribute("color"),
        "roughness": attribute("rough"),
        "diff_trans": 0.8,
        "eta": 1.5,
        "spec_trans": 0.0,
    }
    blend = {"type": "blendbsdf", "weight": 0.68, "first": thin, "second": gloss}
    return {"type": "mask", "opacity": attribute("opacity"), "bsdf": blend}
