"""The folder of many quality maps: a figure and the numbers of each, a table of all, and a gallery of the worst."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tfiqa.errors import PictureError
from tfiqa.explain.map_figure import MapStyle, draw_map
from tfiqa.explain.map_pictures import MappedPicture
from tfiqa.explain.normalised_score import Normalisation, category
from tfiqa.explain.quality_map import QualityMap
from tfiqa.files import numbered_stem, whole_folder
from tfiqa.reports.map_gallery import MOST_SHOWN, Shown, gallery_html
from tfiqa.score_scale import ScoreScale

PAGE, TABLE, FIGURES = "index.html", "maps.csv", "maps"
COLUMNS = (
    "image",
    "quality",
    "normalised",
    "category",
    "worst_quality",
    "worst_left",
    "worst_top",
    "worst_right",
    "worst_bottom",
    "figure",
    "local",
    "error",
)
GALLERY_WIDTH, GALLERY_QUALITY = 1200, 85  # pixels, and of JPEG: about 100 KB a picture in the page
Row = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What the maps are of, and how they are shown.

    Args:
        scale: of the scores.
        title: what the gallery is called.
        style: of the figures.
        normalisation: of the pictures' scores; None where their scale has none.
    """

    scale: ScoreScale
    title: str
    style: MapStyle
    normalisation: Normalisation | None


def write_maps(
    pictures: Sequence[Path],
    mapped: Iterable[MappedPicture | PictureError],
    output: Path,
    settings: Settings,
    progress: Callable[[int, int], None],
) -> list[Row]:
    """Writes a folder, whole or not at all.

    `maps/` has a figure (PNG) and the blocks' scores (NumPy, float32 (rows, columns)) of each picture, `maps.csv` a row a picture
    with the columns COLUMNS, `index.html` the pictures with the worst blocks, the worst first, at most MOST_SHOWN of them.

    Args:
        pictures: the files.
        mapped: the map, or the error, of each.
        output: the folder, which must not exist.
        settings: see there.
        progress: called with (done, all) after each picture.

    Returns:
        The rows of the table.

    Raises:
        StorageError: `output` exists, or the system refuses.
        InvalidInput: as `colour_limits`.
    """
    rows: list[Row] = []
    worst: list[Shown] = []
    with whole_folder(output) as folder:
        (folder / FIGURES).mkdir()
        for number, (path, each) in enumerate(zip(pictures, mapped, strict=True), start=1):
            row: Row = {**dict.fromkeys(COLUMNS), "image": str(path)}
            rows.append(row)
            if isinstance(each, PictureError):
                row["error"] = str(each)
            else:
                name = f"{FIGURES}/{numbered_stem(path, number, len(pictures))}"
                figure = draw_map(each.pixels, each.quality_map, settings.style)
                (folder / f"{name}.png").write_bytes(figure)
                np.save(folder / f"{name}.npy", each.quality_map.local)
                row.update(
                    figure=f"{name}.png", local=f"{name}.npy", **map_row(each.quality_map, settings.normalisation)
                )
                worst.append(Shown(row, _small(figure)))
                worst.sort(key=lambda shown: settings.scale.oriented(shown.row["worst_quality"]))
                del worst[MOST_SHOWN:]
            progress(number, len(pictures))
        _write_table(folder / TABLE, rows)
        page = gallery_html(settings.title, settings.scale, worst, rows)
        (folder / PAGE).write_text(page, encoding="utf-8")
    return rows


def map_row(quality_map: QualityMap, normalisation: Normalisation | None) -> Row:
    """The numbers of a map in the table: the picture's score and word, and the worst block's score and place in pixels."""
    (worst,) = quality_map.worst(1)
    edges = dict(zip(("left", "top", "right", "bottom"), quality_map.blocks[worst].tolist(), strict=True))
    row: Row = {"quality": quality_map.quality, "worst_quality": float(quality_map.local[worst])}
    row.update({f"worst_{edge}": round(value, 2) for edge, value in edges.items()})
    if normalisation is not None:
        normalised = float(normalisation(quality_map.quality))
        row.update(normalised=normalised, category=category(normalised))
    return row


def _small(figure: bytes) -> bytes:
    """A figure as a JPEG for the page."""
    image = Image.open(io.BytesIO(figure)).convert("RGB")
    image.thumbnail((GALLERY_WIDTH, image.height), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=GALLERY_QUALITY)
    return stream.getvalue()


def _write_table(path: Path, rows: Sequence[Row]) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:  # names need not be UTF-8
        table = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
