"""SPAQ: 11,125 smartphone photographs with quality, attributes, scenes and EXIF (Fang et al., 2020)."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd

from tfiqa.databases.reader import READERS, FolderIndex, FolderReader
from tfiqa.databases.table_file import parse_numbers
from tfiqa.databases.validation import ATTRIBUTES
from tfiqa.errors import DatabaseLayoutError
from tfiqa.score_scale import ScoreScale

PICTURE_FOLDER = "TestImage"
SCORE_FILE = "Annotations/MOS and Image attribute scores.xlsx"
SCENE_FILE = "Annotations/Scene category labels.xlsx"
EXIF_FILE = "Annotations/EXIF_tags.xlsx"
EXIF_SHEET = "APEX EXIF tags"
SCENES = ("animal", "cityscape", "human", "indoor_scene", "landscape", "night_scene", "plant", "still_life", "others")
# The sheet's eight columns in order, as the released MT-E model takes them. The sheet heads the fourth "Sensitivity
# vaue" and the fifth "Brightness value", but holds them the other way round: in all 11,125 rows the fifth is log2(ISO /
# 3.2), the sensitivity, and the fourth is aperture + time - sensitivity, the brightness by the APEX equation.
EXIF = (
    "focal_length",
    "aperture_value",
    "time_value",
    "brightness_value",
    "sensitivity_value",
    "flash",
    "time_sin",
    "time_cos",
)
# How the headers begin, lower case with underscores; the last two columns share the header "Time".
EXIF_HEADERS = (
    "image_name",
    "focal_length",
    "aperture_value",
    "time_value",
    "sensitivity",
    "brightness",
    "flash",
    "time",
    "",
)


@READERS.register("spaq")
class SPAQ(FolderReader):
    """The official layout: `Annotations` with the three workbooks, `TestImage` with the pictures.

    Columns: `score`, the five attributes (0 to 100 each, higher is more of it; noisiness: higher is cleaner), `scene_*`
    (1/k for each of a picture's k scenes) and `exif_*` as in `EXIF`: focal length in mm; aperture, exposure time,
    brightness and sensitivity as APEX values; flash 0 or 1; sine and cosine of 2 pi hour / 24, both 0 where the hour is
    unknown. Nothing is normalised.
    """

    name = "spaq"
    citation = (
        "Y. Fang, H. Zhu, Y. Zeng, K. Ma, Z. Wang, Perceptual quality assessment of smartphone photography, CVPR 2020, "
        "3677-3686"
    )
    home_page = "https://github.com/h4nwei/SPAQ"
    licence = "research and education use; see the home page"
    pictures = 11_125
    scale = ScoreScale(0.0, 100.0, True, "SPAQ MOS")
    has_references = False

    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        files = [folder.require(file) for file in (SCORE_FILE, SCENE_FILE, EXIF_FILE)]
        scores = _numbers(_sheet(files[0]), ("image_name", "mos", *ATTRIBUTES), ("score", *ATTRIBUTES), files[0])
        scenes = _numbers(
            _sheet(files[1]), ("image_name", *SCENES), tuple(f"scene_{name}" for name in SCENES), files[1]
        )
        exif = _numbers(_sheet(files[2], EXIF_SHEET), EXIF_HEADERS, tuple(f"exif_{name}" for name in EXIF), files[2])
        table = scores.join(scenes).join(exif).rename_axis("image").reset_index()
        return table.assign(image=PICTURE_FOLDER + "/" + table["image"])


def _sheet(path: Path, name: str | None = None) -> pd.DataFrame:
    """A sheet of a workbook, by default the first, without blank rows; column names in lower case with underscores."""
    try:
        workbook = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise DatabaseLayoutError(f"{path} is no readable workbook: {error}") from error
    if name and name not in workbook.sheetnames:
        raise DatabaseLayoutError(f"{path}: looked for the sheet {name!r}; it has {', '.join(workbook.sheetnames)}")
    sheet = workbook[name or workbook.sheetnames[0]]
    sheet.reset_dimensions()  # some programs write the dimensions wrong, and openpyxl would cut the sheet by them
    rows = [row for row in sheet.iter_rows(values_only=True) if any(cell is not None for cell in row)]
    workbook.close()
    width = max(map(len, rows), default=0)
    padded = [[*row, *[None] * (width - len(row))] for row in rows]  # programs differ in writing empty cells
    table = pd.DataFrame(padded, dtype=object)
    names = [re.sub(r"[^a-z]+", "_", str(cell or "").strip().lower()) for cell in (table.iloc[0] if rows else [])]
    return table.iloc[1:].set_axis(names, axis="columns").reset_index(drop=True)


def _numbers(sheet: pd.DataFrame, headers: tuple[str, ...], columns: tuple[str, ...], path: Path) -> pd.DataFrame:
    """The sheet's numbers under our names, indexed by picture. Raises DatabaseLayoutError where it is another sheet."""
    fits = sheet.shape[1] >= len(headers) and all(map(str.startswith, sheet.columns, headers))
    if not fits:
        raise DatabaseLayoutError(
            f"{path} has other columns than SPAQ: looked for {headers}; it has {tuple(sheet.columns)}"
        )
    names = sheet.iloc[:, 0].map(str).str.strip()
    if names.duplicated().any():
        raise DatabaseLayoutError(f"{path} names {names[names.duplicated()].iloc[0]!r} twice")
    table = pd.DataFrame(index=pd.Index(names, name=None))
    for place, column in enumerate(columns, start=1):
        numbers, bad = parse_numbers(sheet.iloc[:, place])
        if bad.any():
            raise DatabaseLayoutError(
                f"{path}: {column} of {names[bad].iloc[0]} is not a number: {sheet.iloc[:, place][bad].iloc[0]!r}"
            )
        table[column] = numbers
    return table
