"""The pictures of a contact sheet: upright, in sRGB, small enough for a page."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageCms

from tfiqa.errors import PictureError
from tfiqa.files import whole_file
from tfiqa.images.decode import decode_picture
from tfiqa.in_order import map_in_order

LONGEST_SIDE = 640  # pixels: two fit beside each other on a desktop screen, and one fills a phone's
QUALITY = 92  # of JPEG without colour subsampling, so that the page adds no artefacts to those to be judged
NAME_LENGTH = 16  # hexadecimal digits; a million names meet in one with a probability of 3e-8


@dataclass(frozen=True)
class Thumbnail:
    """A small copy of a picture.

    Args:
        file: its name in the folder.
        width, height: its size in pixels.
        reduced: whether the picture itself is larger.
    """

    file: str
    width: int
    height: int
    reduced: bool


def write_thumbnails(
    pictures: Iterable[tuple[str, Path]], folder: Path, workers: int | None = None
) -> dict[str, Thumbnail | PictureError]:
    """Writes a JPEG of each picture.

    A picture with an embedded RGB colour profile is brought to sRGB, which models do not do: they see the stored values.

    Args:
        pictures: name and file of each.
        folder: to write into.
        workers: threads; by default one per processor.

    Returns:
        By name the thumbnail, or why there is none.

    Raises:
        StorageError: the system refuses.
    """

    def write(picture: tuple[str, Path]) -> tuple[str, Thumbnail | PictureError]:
        name, path = picture
        try:
            pixels = decode_picture(path)
        except PictureError as error:
            return name, error
        image = Image.fromarray(pixels)
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
        file = f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:NAME_LENGTH]}.jpg"
        with whole_file(folder / file) as temporary:
            _in_srgb(image, path).save(temporary, quality=QUALITY, subsampling=0)
        return name, Thumbnail(file, *image.size, image.size != pixels.shape[1::-1])

    return dict(map_in_order(write, pictures, workers or os.cpu_count() or 1))


def _in_srgb(image: Image.Image, path: Path) -> Image.Image:
    """The picture as its file's profile means it; as it is without a profile that can be used."""
    try:
        with Image.open(path) as opened:
            profile = opened.info.get("icc_profile")
        if not profile:
            return image
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != "RGB":
            return image
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
    except Exception:  # Pillow's opinion of a profile must not cost a picture that has been decoded
        return image
