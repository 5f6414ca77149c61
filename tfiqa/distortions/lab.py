"""CIE L*a*b* as MATLAB's rgb2lab and lab2rgb: sRGB, white point D65, nothing limited on the way.

scikit-image sets negative Z to 0 on the way back, which would change strongly saturated pictures by up to 107 levels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfiqa.distortions.family import Picture

WHITE = np.array([0.9504, 1.0, 1.0888])  # D65 of the 2-degree observer, as MATLAB rounds it
PRIMARIES = np.array([[0.64, 0.33], [0.30, 0.60], [0.15, 0.06]])  # x and y of R, G and B (ITU-R BT.709)


def _to_xyz() -> NDArray[np.float64]:
    """Linear RGB to X / Xn, Y / Yn and Z / Zn: the primaries, weighted so that together they make the white."""
    x, y = PRIMARIES.T
    colors = np.stack([x / y, np.ones(3), (1 - x - y) / y])
    return colors * np.linalg.solve(colors, WHITE) / WHITE[:, None]


TO_XYZ = _to_xyz()
FROM_XYZ = np.linalg.inv(TO_XYZ)
LINEAR_BELOW = 0.04045  # of sRGB's curve; its slope there is 12.92
CUBE_ABOVE = (6 / 29) ** 3  # of CIE 1976: below, a straight line takes the cube root's place


def to_lab(picture: Picture) -> Picture:
    """(H, W, 3) of 0..1 to L (0..100), a and b."""
    linear = np.where(picture > LINEAR_BELOW, ((np.maximum(picture, 0) + 0.055) / 1.055) ** 2.4, picture / 12.92)
    xyz = linear @ TO_XYZ.T
    root = np.where(xyz > CUBE_ABOVE, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def from_lab(lab: Picture) -> Picture:
    """L, a and b to RGB, which may lie far beyond 0..1."""
    y = (lab[..., 0] + 16) / 116
    root = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    xyz = np.where(root > 6 / 29, root**3, (root - 4 / 29) * (3 * (6 / 29) ** 2))
    linear = xyz @ FROM_XYZ.T
    curved = 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055
    return np.where(linear > LINEAR_BELOW / 12.92, curved, linear * 12.92)
