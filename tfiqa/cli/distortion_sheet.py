"""The page of `tfiqa distort --sheet`: one picture, a row a type of distortion, a column a level."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

CELL_WIDTH = 384  # pixels; the picture is brought to it before it is distorted, so that each cell shows true pixels
LABEL_WIDTH, HEAD_HEIGHT, GAP = 250, 30, 4
FONT_SIZE = 18
PAPER, INK = (255, 255, 255), (20, 20, 20)


def draw_sheet(
    picture: Path, path: Path, *, names: Sequence[str], levels: Sequence[int], seed: int, stretch: bool
) -> None:
    """Draws the page and writes it whole. Raises PictureError, and InvalidInput when the picture is too small."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    from tfiqa import distortions
    from tfiqa.files import whole_file
    from tfiqa.images.decode import decode_picture

    original = Image.fromarray(decode_picture(picture))
    if original.width > CELL_WIDTH:
        original.thumbnail((CELL_WIDTH, original.height), Image.Resampling.LANCZOS)
    width, height = original.size
    size = (LABEL_WIDTH + len(levels) * (width + GAP), HEAD_HEIGHT + len(names) * (height + GAP))
    page = Image.new("RGB", size, PAPER)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(FONT_SIZE)
    draw.text((GAP, GAP), picture.name, INK, font)
    for column, level in enumerate(levels):
        draw.text((LABEL_WIDTH + column * (width + GAP), GAP), f"level {level}", INK, font)
    pixels = np.asarray(original)
    for row, name in enumerate(names):
        top = HEAD_HEIGHT + row * (height + GAP)
        draw.text((GAP, top), f"{distortions.NUMBERS[name]}  {name}", INK, font)
        for column, level in enumerate(levels):
            version = distortions.apply(name, pixels, level, seed, stretch=stretch)
            page.paste(Image.fromarray(version), (LABEL_WIDTH + column * (width + GAP), top))
    with whole_file(path) as temporary:
        page.save(temporary)
