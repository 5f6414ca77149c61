"""SPAQ: 11,125 smartphone photographs with quality, attributes, scenes and EXIF (Fang et al., 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pandas as pd

from tfiqa.databases.reader import READERS, FolderIndex, FolderReader
from tfiqa.databases.table_file import parse_numbers
from tfiqa.databases.workbook import read_sheet
from tfiqa.errors import DatabaseLayoutError
from tfiqa.images.exif_encoding import APEX_SOURCES, EXIF_VECTOR, aperture_value, sensitivity_value, time_value
from tfiqa.models.spaq import ATTRIBUTES, SCENE_COLUMNS, SCENES
from tfiqa.score_scale import ScoreScale

PICTURE_FOLDER = "TestImage"
SCORE_FILE = "Annotations/MOS and Image attribute scores.xlsx"
SCENE_FILE = "Annotations/Scene category labels.xlsx"
EXIF_FILE = "Annotations/EXIF_tags.xlsx"
APEX_SHEET = "APEX EXIF tags"
SOURCE_SHEET = "Source EXIF tags"
# How the headers of the two sheets begin, lower case with underscores. Their last two columns share the header "Time". The
# APEX sheet heads the fourth column "Sensitivity vaue" and the fifth "Brightness value", but holds them the other way
# round, as EXIF_VECTOR has them: in all 11,125 rows the fifth is log2(ISO / 3.2) with the ISO of the source sheet, and the
# fourth is aperture + time - sensitivity.
APEX_HEADERS = (
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
SOURCE_HEADERS = (
    "image_name",
    "focal_length",
    "f_number",
    "exposure_time",
    "iso",
    "brightness",
    "flash",
    "time",
    "",
)
SOURCE_COLUMNS = (*SOURCE_HEADERS[1:7], "time_sin", "time_cos")


@READERS.register("spaq")
class SPAQ(FolderReader):
    """The official layout: `Annotations` with the three workbooks, `TestImage` with the pictures.

    Columns: `score`, the five attributes (0 to 100 each, higher is more of it; noisiness: higher is cleaner), `scene_*`
    (1/k for each of a picture's k scenes) and `exif_*` as `images.exif_encoding` has them: focal length in mm; aperture,
    exposure time, brightness and sensitivity as APEX values; flash 0 or 1; sine and cosine of 2 pi hour / 24, blank for
    the three pictures where the release has 0 and 0, which is no hour. Nothing is normalised.

    Option `apex`: "camera" takes the release's APEX sheet, which the released MT-E was made with; "computed" has aperture,
    time and brightness from the F-number and exposure time of its source sheet, where 1,567 pictures of the APEX sheet
    have the same exposure time of 2^-29.8973 s.
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
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"apex": APEX_SOURCES}

    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        files = [folder.require(file) for file in (SCORE_FILE, SCENE_FILE, EXIF_FILE)]
        scores = _numbers(read_sheet(files[0]), ("image_name", "mos", *ATTRIBUTES), ("score", *ATTRIBUTES), files[0])
        scenes = _numbers(read_sheet(files[1]), ("image_name", *SCENES), SCENE_COLUMNS, files[1])
        exif = self._exif(files[2])
        for table, path in ((scenes, files[1]), (exif, files[2])):
            lacking = scores.index.difference(table.index, sort=False)
            if len(lacking):
                raise DatabaseLayoutError(
                    f"{path} lacks {len(lacking)} of the pictures in {files[0].name} (first: {lacking[0]})"
                )
        table = scores.join(scenes).join(exif).rename_axis("image").reset_index()
        return table.assign(image=PICTURE_FOLDER + "/" + table["image"])

    def _exif(self, path: Path) -> pd.DataFrame:
        if self.options["apex"] == "camera":
            exif = _numbers(read_sheet(path, APEX_SHEET), APEX_HEADERS, EXIF_VECTOR, path)
        else:
            source = _numbers(read_sheet(path, SOURCE_SHEET), SOURCE_HEADERS, SOURCE_COLUMNS, path)
            aperture, time = aperture_value(source["f_number"]), time_value(source["exposure_time"])
            sensitivity = sensitivity_value(source["iso"])
            exif = source.assign(
                aperture_value=aperture,
                time_value=time,
                brightness_value=aperture + time - sensitivity,
                sensitivity_value=sensitivity,
            )[list(EXIF_VECTOR)]
        no_hour = (exif["time_sin"] == 0) & (exif["time_cos"] == 0)
        exif = exif.assign(time_sin=exif["time_sin"].mask(no_hour), time_cos=exif["time_cos"].mask(no_hour))
        return exif.add_prefix("exif_")


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
