"""A palette of few colors and error diffusion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfiqa.distortions.column_dither import column_dither
from tfiqa.distortions.family import Call, Picture, distortion, to_bytes
from tfiqa.distortions.inverse_colormap import inverse_colormap
from tfiqa.distortions.wu_palette import wu_palette

BAND = 256  # rows turned to bytes at a time: bounds the memory


@distortion("color_quantization")
def color_quantization(call: Call) -> Picture:
    """The picture in a palette of its own, dithered, as MATLAB's rgb2ind does it.

    Palette by Wu, table of nearest colors by Thomas, error diffusion by Floyd and Steinberg. KADID-10k's I01_06_05 comes
    out byte for byte. A picture of fewer colors than asked for gets a shorter palette.
    """
    planes = _planes(call.picture)
    palette = wu_palette(planes.reshape(3, -1), int(call.amount))
    chosen = column_dither(planes, palette, inverse_colormap(palette))
    return np.take(palette / 255.0, np.ascontiguousarray(chosen.T), axis=0)


def _planes(picture: Picture) -> NDArray[np.uint8]:
    """(3, W, H): red, green and blue in bytes, columns contiguous."""
    height, width, _ = picture.shape
    planes = np.empty((3, width, height), np.uint8)
    for top in range(0, height, BAND):
        planes[:, :, top : top + BAND] = to_bytes(picture[top : top + BAND]).transpose(2, 1, 0)
    return planes
