"""Pictures in the form that an exported graph reads."""

from __future__ import annotations

import io
import os

from PIL import Image

from tfiqa.errors import PictureTooLarge
from tfiqa.images.decode import DEFAULT_MAX_PIXELS, decode_picture, picture_size, read_picture_file
from tfiqa.images.headers import needs_pillow
from tfiqa.images.resize import ResizePolicy


def graph_bytes(source: str | os.PathLike[str] | bytes, *, name: str, max_pixels: int = DEFAULT_MAX_PIXELS) -> bytes:
    """Encoded bytes that TensorFlow decodes to what Pillow would give.

    A picture is passed on as it is when the graph decodes it right; any other (TIFF, CMYK, ...) is decoded here, upright, and
    encoded again as PNG, which loses nothing.

    Args:
        source: the file, or its bytes.
        name: what errors call the picture.
        max_pixels: larger pictures are refused.

    Raises PictureError.
    """
    data = source if isinstance(source, bytes) else read_picture_file(source, name)
    if needs_pillow(data):
        return upright_png(data, name=name, max_pixels=max_pixels)
    width, height = picture_size(data, name=name)
    if width * height > max_pixels:
        raise PictureTooLarge(name, f"has {width} x {height} pixels, more than the limit of {max_pixels}")
    return data


def upright_png(
    data: bytes, *, name: str, max_pixels: int = DEFAULT_MAX_PIXELS, scaled_for: ResizePolicy | None = None
) -> bytes:
    """The picture decoded by Pillow, turned upright and encoded as PNG. Arguments as in `decode_picture`; raises PictureError."""
    png = io.BytesIO()
    picture = decode_picture(data, name=name, max_pixels=max_pixels, scaled_for=scaled_for)
    Image.fromarray(picture).save(png, "PNG", compress_level=1)
    return png.getvalue()
