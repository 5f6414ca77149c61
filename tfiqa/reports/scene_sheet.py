"""The page of types of scenes: of each, what its pictures look like, those nearest to its centroid, and some drawn at random."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tfiqa.features.scenes.clusters import SceneTypes
from tfiqa.files import whole_file
from tfiqa.images.decode import decode_picture
from tfiqa.in_order import map_in_order
from tfiqa.reports.page import ENDINGS, Figure, Heading, Page, Text, write_page

SHEET_ENDINGS = (*ENDINGS, ".png")
SHOWN = 8  # pictures nearest to the centroid, and as many others
SIDE, GAP, LINE = 150, 4, 26  # pixels: of a small picture, between two, of a line of text
FONT_SIZE = 16
PAPER, INK = (255, 255, 255), (20, 20, 20)
NEAREST, DRAWN = "nearest to the centroid", "others at random"


def write_scene_sheet(
    path: Path, types: SceneTypes, descriptors: NDArray[np.float32], files: Sequence[Path], *, title: str, seed: int
) -> list[Path]:
    """Writes the page, and returns its files: .html, .md with pictures beside it, or .png.

    Args:
        path: the page.
        types: of scenes.
        descriptors: of the pictures, (N, 37).
        files: the pictures.
        title: of the page.
        seed: of the pictures at random.

    Raises PictureError for a picture that can no longer be read, InvalidInput for another ending, StorageError.
    """
    page, boards = Page(title), []
    looks, total = types.looks(), len(files)
    for number, groups in enumerate(_shown(types, descriptors, seed)):
        count = int((types.assign(descriptors) == number).sum())
        name, look = f"{types.columns[number]}: {count:,} of {total:,} pictures", str(looks[number])
        page.add(Heading(name), Text(look))
        pictures = {caption: _small(files, places) for caption, places in groups.items() if len(places)}
        if path.suffix.lower() == ".png":
            boards.append(_board([name, look], pictures))
        elif pictures:
            caption = "; ".join(f"{caption}: {_names(files, groups[caption])}" for caption in pictures)
            page.add(Figure(f"scene_{number}", _png(_board([], pictures)), caption))
    if not boards:
        return write_page(page, path)
    with whole_file(path) as temporary:
        temporary.write_bytes(_png(_stacked(boards)))
    return [path]


def _shown(types: SceneTypes, descriptors: NDArray[np.float32], seed: int) -> Iterator[Mapping[str, NDArray[np.int64]]]:
    """For each type the places of its pictures to show."""
    distances, assigned = types.distances(descriptors), types.assign(descriptors)
    draw = np.random.default_rng(seed)
    for number in range(len(types)):
        own = np.flatnonzero(assigned == number)
        order = own[np.argsort(distances[own, number], kind="stable")]
        others = draw.permutation(order[SHOWN:])[:SHOWN]
        yield {NEAREST: order[:SHOWN], DRAWN: others}


def _small(files: Sequence[Path], places: NDArray[np.int64]) -> list[Image.Image]:
    def small(place: int) -> Image.Image:
        picture = Image.fromarray(decode_picture(files[place]))
        picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        return picture

    return list(map_in_order(small, places, os.cpu_count() or 1))


def _names(files: Sequence[Path], places: NDArray[np.int64]) -> str:
    return ", ".join(os.fsencode(files[place].name).decode("utf-8", "replace") for place in places)


def _board(lines: Sequence[str], groups: Mapping[str, Sequence[Image.Image]]) -> Image.Image:
    """Lines of text, and below them each group's caption and pictures."""
    height = LINE * len(lines) + (LINE + SIDE + GAP) * len(groups)
    board = Image.new("RGB", (SHOWN * (SIDE + GAP), height), PAPER)
    draw, font = ImageDraw.Draw(board), ImageFont.load_default(FONT_SIZE)
    for row, line in enumerate(lines):
        draw.text((GAP, row * LINE), line, INK, font)
    top = LINE * len(lines)
    for caption, pictures in groups.items():
        draw.text((GAP, top), caption, INK, font)
        for column, picture in enumerate(pictures):
            board.paste(picture, (column * (SIDE + GAP), top + LINE))
        top += LINE + SIDE + GAP
    return board


def _stacked(boards: Sequence[Image.Image]) -> Image.Image:
    whole = Image.new("RGB", (boards[0].width, sum(board.height + LINE for board in boards)), PAPER)
    top = 0
    for board in boards:
        whole.paste(board, (0, top))
        top += board.height + LINE
    return whole


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "png")
    return stream.getvalue()
