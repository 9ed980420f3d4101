"""The photo booth: softboxes, camera, path tracing, and the mask as a render of the mesh's own mask attribute."""

import mitsuba as mi
import numpy as np

from .surface import Surface, attribute, to_mesh

SIZE = 320
FLAT = {"type": "twosided", "bsdf": {"type": "diffuse", "reflectance": attribute("flag")}}


def softbox(azimuth, elevation, distance, size, radiance):
    """A rectangle light that faces the part, at that direction (degrees) and distance."""
    a, e = np.radians([azimuth, elevation])
    origin = distance * np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    aim = mi.ScalarTransform4f().look_at(origin=origin.tolist(), target=[0, 0, 0.3], up=[0.01, 0.02, 1])
    return {
        "type": "rectangle",
        "to_world": aim @ mi.ScalarTransform4f().scale([*size, 1.0]),
        "emitter": {"type": "area", "radiance": {"type": "rgb", "value": [float(v) for v in radiance]}},
    }


def lights(rng, look):
    """A key softbox, a long strip opposite and a dim room; direction, strength and warmth vary a little."""
    warm = 1.0 + rng.normal(0, 0.012) * np.array([1.0, 0.0, -1.0])
    turn, power = rng.normal(0, 9), rng.uniform(0.88, 1.12)
    key = softbox(
        look["azimuth"] + turn, look["elevation"] + rng.normal(0, 2.5), 6.0, (1.9, 1.5), look["key"] * power * warm
    )
    strip = softbox(
        look["azimuth"] + 195 + turn,
        34 + rng.normal(0, 2.5),
        6.5,
        (2.4, 0.55),
        look["strip"] * power * warm * [0.94, 0.98, 1.06],
    )
    room = look["ambient"] * rng.uniform(0.9, 1.1)
    return {
        "key": key,
        "strip": strip,
        "room": {"type": "constant", "radiance": {"type": "rgb", "value": [room, room, 1.04 * room]}},
    }


def camera(view, spp, aperture):
    """A camera above the part, tilted a little off the vertical; the mask camera is the same with no aperture."""
    tilt = np.radians(view["tilt"])
    origin = view["distance"] * np.array([0.0, -np.sin(tilt), np.cos(tilt)])
    aim = mi.ScalarTransform4f().look_at(origin=origin.tolist(), target=[0, 0, view["target"]], up=[0, 1, 0])
    lens = {"type": "thinlens", "aperture_radius": aperture} if aperture else {"type": "perspective"}
    focus = {"focus_distance": view["distance"] - view["target"] - 0.3} if aperture else {}
    return {
        **lens,
        **focus,
        "fov": view["fov"],
        "to_world": aim,
        "film": {
            "type": "hdrfilm",
            "width": SIZE,
            "height": SIZE,
            "pixel_format": "rgb",
            "rfilter": {"type": "gaussian" if aperture else "box"},
        },
        "sampler": {"type": "independent", "sample_count": spp},
    }


def shoot(parts, view, lamps, seed):
    """The linear picture of the parts, a list of (surface, bsdf)."""
    scene = {
        "type": "scene",
        "sensor": camera(view, view["paths"], 0.045),
        **lamps,
        "integrator": {"type": "path", "max_depth": view["depth"]},
    }
    for number, (surface, bsdf) in enumerate(parts):
        scene[f"part{number}"] = to_mesh(surface, bsdf)
    return np.array(mi.render(mi.load_dict(scene), seed=seed))


def coverage(surface, view):
    """How much of each pixel shows the surface's mask, and how much the surface at all (no light, no noise)."""
    mask = surface.maps.get("mask", np.zeros(surface.x.shape))
    flag = np.stack([mask, np.ones_like(mask), np.zeros_like(mask)], -1)
    bare = Surface(surface.points, surface.closed, {"flag": flag})
    scene = {
        "type": "scene",
        "sensor": camera(view, 16, 0),
        "part": to_mesh(bare, FLAT),
        "integrator": {"type": "aov", "aovs": "albedo:albedo"},
    }
    picture = np.array(mi.render(mi.load_dict(scene), seed=1))[..., -3:]
    return picture[..., 0], picture[..., 1]


def mask(surface, clean, view):
    """Defect pixels: those that show marked surface, and those where the outline differs from the clean part's."""
    marked, outline = coverage(surface, view)
    whole = coverage(clean, view)[1]
    return (marked > 0.35) | (np.abs(whole - outline) > 0.35)
