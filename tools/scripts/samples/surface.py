"""A grid of points with material maps per vertex, and its hand-over to Mitsuba as a mesh with vertex attributes.

Material maps live on the vertices (several to a pixel) so that colour, roughness and the defect mask follow
the geometry exactly, with no texture unwrapping between them.
"""

from dataclasses import dataclass, field

import mitsuba as mi
import numpy as np


@dataclass
class Surface:
    """Points (rows, columns, 3); closed joins the last column to the first; maps hold one value or colour a point."""

    points: np.ndarray
    closed: bool
    maps: dict = field(default_factory=dict)
    zones: dict = field(default_factory=dict)

    @property
    def x(self):
        """First coordinate of every point."""
        return self.points[..., 0]

    @property
    def y(self):
        """Second coordinate of every point."""
        return self.points[..., 1]

    @property
    def z(self):
        """Height of every point."""
        return self.points[..., 2]

    def mark(self, weight):
        """Add a defect's weight (0 to 1) to the mask map."""
        before = self.maps.get("mask", np.zeros(self.x.shape))
        self.maps["mask"] = np.maximum(before, weight)


def faces(rows, columns, closed):
    """Two triangles a cell; rows go on inwards, columns around."""
    index = np.arange(rows * columns).reshape(rows, columns)
    if closed:
        index = np.concatenate([index, index[:, :1]], axis=1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([b, d, c], -1).reshape(-1, 3)])


def to_mesh(surface, bsdf, maps=None):
    """The surface as a Mitsuba mesh with that BSDF; every map becomes the attribute vertex_<name>."""
    rows, columns = surface.x.shape
    triangles = faces(rows, columns, surface.closed)
    props = mi.Properties()
    props["bsdf"] = mi.load_dict(bsdf)
    mesh = mi.Mesh(
        "part", rows * columns, len(triangles), props=props, has_vertex_normals=True, has_vertex_texcoords=True
    )
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    params = mi.traverse(mesh)
    params["vertex_positions"] = flat(surface.points)
    params["vertex_texcoords"] = flat(np.stack([u, v], -1))
    params["faces"] = triangles.ravel().astype(np.uint32)
    params.update()
    for name, values in (surface.maps if maps is None else maps).items():
        mesh.add_attribute("vertex_" + name, 3 if values.ndim == 3 else 1, flat(values))
    mesh.recompute_vertex_normals()
    return mesh


def flat(values):
    """Values as the flat single-precision list Mitsuba takes."""
    return np.ascontiguousarray(values, dtype=np.float32).ravel()


def attribute(name):
    """A texture that reads the vertex attribute of that name."""
    return {"type": "mesh_attribute", "name": "vertex_" + name}
