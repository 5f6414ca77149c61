"""Pictures of one size: shrunk until they just span it, and cropped around their centre."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tfiqa.errors import InvalidInput


def shrunk(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The centre of a picture at another size, the aspect ratio kept.

    So KADIS-700k's authors brought theirs to 512x384 (DeepFL-IQA, section III.A); they do not tell the filter. It is Pillow's
    antialiased bicubic one here, as MATLAB's imresize has it, columns first.

    Args:
        picture: uint8 (H, W, 3).
        width: pixels wanted.
        height: pixels wanted.

    Returns:
        uint8 (height, width, 3).

    Raises:
        InvalidInput: the picture is smaller than that: enlarged, it would not be pristine.
    """
    rows, columns = picture.shape[:2]
    if rows < height or columns < width:
        raise InvalidInput(
            f"{columns}x{rows} pixels do not span {width}x{height}, and pristine pictures are not enlarged"
        )
    scale = max(height / rows, width / columns)
    spanned = max(width, round(columns * scale)), max(height, round(rows * scale))
    image = Image.fromarray(picture)
    for size in ((spanned[0], rows), spanned):
        if size != image.size:
            image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = (spanned[0] - width) // 2, (spanned[1] - height) // 2
    return np.array(image.crop((left, top, left + width, top + height)))
