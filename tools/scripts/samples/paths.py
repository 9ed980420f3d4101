"""Random curves on a surface (gouges, cracks): a wandering line, and how far each point lies from it."""

import numpy as np
from scipy.spatial import cKDTree


def wander(rng, start, angle, length, bend=0.3, jitter=0.0, steps=400):
    """A line of `steps` points: its heading drifts by `bend` radians overall and jumps by `jitter` at corners."""
    heading = angle + bend * np.linspace(-0.5, 0.5, steps)
    corners = rng.normal(0.0, 1.0, steps // 20 + 1) * jitter
    heading = heading + np.repeat(corners, 20)[:steps]
    stride = length / steps
    return np.asarray(start) + np.cumsum(np.stack([np.cos(heading), np.sin(heading)], -1), 0) * stride


def near(x, y, path, reach):
    """Distance of each point to the path (inf beyond `reach`) and where along it (0 to 1) the nearest point is."""
    points = np.stack([np.ravel(x), np.ravel(y)], -1)
    distance, index = cKDTree(path).query(points, distance_upper_bound=reach)
    along = np.minimum(index, len(path) - 1) / (len(path) - 1)
    return distance.reshape(x.shape), along.reshape(x.shape)


def taper(along, ends=0.15):
    """Width factor along a stroke: thin at both ends, full in between."""
    return np.clip(np.minimum(along, 1.0 - along) / ends, 0.05, 1.0) ** 0.7
