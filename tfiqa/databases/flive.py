"""FLIVE, also LIVE-FB: 39,810 photographs and three patches of each (Ying et al., "PaQ-2-PiQ", 2020)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from tfiqa.databases.label_file import read_columns
from tfiqa.databases.reader import READERS, FolderIndex, FolderReader
from tfiqa.databases.table_file import parse_numbers
from tfiqa.errors import DatabaseLayoutError, ManifestError
from tfiqa.score_scale import ScoreScale

FOLDER = "database"  # of the owners' repositories; it may itself be the root
PICTURE_FILE = "labels_image.csv"
PATCH_FILE = "labels_patch.csv"
# Some systems cannot hold "<" and ">" in names, and the owners' own copies have lost them.
TEST_FILES = ("labels640.csv", "labels>640.csv")
TRAIN_FILES = ("labels<=640_padded.csv", "labels=640_padded.csv")
PADDED_SIDE = 640  # training pictures stand in the middle of a white square of this side (section 4.1)
PATCHES = (1, 2, 3)  # with 40, 30 and 20 % of the picture's sides (section 3.2)
PATCH_NAME = r"(?i)^patches/(?P<group>.+)_patch_(?P<patch>[123])\.jpg$"
SIDES = ("left", "top", "right", "bottom")
BOX_COLUMNS = [f"{side}_{box}" for box in ("image", *(f"patch_{patch}" for patch in PATCHES)) for side in SIDES]
SCORE_COLUMNS = [f"mos_patch_{patch}" for patch in PATCHES]
SIZE_COLUMNS = ["width_image", "height_image"]
IS_VALID = {"true": "validation", "1": "validation", "false": "train", "0": "train"}
ROUNDING = 1e-3  # between the files, which carry eight digits or more
ROWS = {"pictures": 39_810, "patches": 3 * 39_810}


@READERS.register("flive")
class FLIVE(FolderReader):
    """The official layout: label files and the pictures' folders in `database`, or in the root itself.

    `labels_image.csv` has the scores. `labels640.csv`, the official test set (a side above 640), and
    `labels<=640_padded.csv`, the rest with the mark of validation, are optional; they give `boxes` (JSON: [left, top,
    right, bottom] of the three patches in the picture's own pixels, right and bottom exclusive), `box_scores` (JSON:
    their MOS) and `official_split`. In the latter file boxes are those of the padded 640x640 picture and are moved back.
    Where both files are there, pictures in neither (such as the three of `EE371R`) count as train; without the latter,
    what is not test has no official split. That file and `labels_patch.csv` were not at hand when this reader was
    written; their columns are those that the owners' code uses, and what does not fit them is refused.

    Options:
        rows: "pictures", or "patches": one row a patch picture `patches/<picture>_patch_<1, 2 or 3>.jpg`, with its number
            in `patch` and its picture as the `group`. Their scores are those of `labels_patch.csv`, or, where that is
            absent, of the two files with boxes.
    """

    name = "flive"
    citation = (
        "Z. Ying, H. Niu, P. Gupta, D. Mahajan, D. Ghadiyaram, A. Bovik, From patches to pictures (PaQ-2-PiQ): mapping "
        "the perceptual space of picture quality, CVPR 2020, 3575-3585"
    )
    home_page = "https://github.com/niu-haoran/FLIVE_Database"
    licence = "CC BY-NC 4.0, the photographs under the terms of AVA, VOC, EMOTIC and the CUHK blur dataset"
    pictures = ROWS["pictures"]
    scale = ScoreScale(0.0, 100.0, True, "FLIVE MOS")
    has_references = False
    choices: ClassVar = {"rows": ("pictures", "patches")}

    @classmethod
    def official_count(cls, table: pd.DataFrame) -> int | None:
        return ROWS["patches" if "patch" in table else "pictures"]

    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        path = folder.require(PICTURE_FILE, f"{FOLDER}/{PICTURE_FILE}")
        place = path.parent.relative_to(folder.root)
        pictures = read_columns(path, ["name", "mos"], "FLIVE").set_axis(["image", "score"], axis="columns")
        is_patch = pictures["image"].str.match(PATCH_NAME)
        if is_patch.any():
            raise ManifestError(f"{path} lists patches, such as {pictures.loc[is_patch, 'image'].iloc[0]!r}")
        test_file, train_file = _find(folder, place, *TEST_FILES), _find(folder, place, *TRAIN_FILES)
        boxes = _boxes(test_file, train_file, pictures)
        if self.options["rows"] == "patches":
            table = _patches(_find(folder, place, PATCH_FILE), boxes, folder)
        else:
            table = pictures.join(boxes, on="image")
            for column in ("boxes", "box_scores"):
                table[column] = table[column].map(json.dumps, na_action="ignore")
        if test_file and train_file:
            table = table.fillna({"official_split": "train"})
        table = table.dropna(axis="columns", how="all")  # without the files with boxes nothing is known of them
        return table.assign(image=[(place / image).as_posix() for image in table["image"]])


def _find(folder: FolderIndex, place: Path, *files: str) -> Path | None:
    return next((found for file in files if (found := folder.find(str(place / file)))), None)


def _boxes(test_file: Path | None, train_file: Path | None, pictures: pd.DataFrame) -> pd.DataFrame:
    """What the files with boxes say: `boxes` and `box_scores` (lists) and `official_split`, indexed by picture.

    Raises ManifestError where they contradict each other or the scores of `pictures`.
    """
    tables = [_box_table(path, is_padded=path == train_file) for path in (test_file, train_file) if path]
    if not tables:
        return pd.DataFrame(columns=["boxes", "box_scores", "official_split"], dtype=object)
    table = pd.concat(tables)
    files = " and ".join(str(path) for path in (test_file, train_file) if path)
    twice = table.index.duplicated()
    if twice.any():
        raise ManifestError(f"{files}: {table.index[twice][0]!r} is named twice")
    scores = dict(zip(pictures["image"], parse_numbers(pictures["score"])[0], strict=True))
    differs = ~((table["mos"] - table.index.map(scores)).abs() <= ROUNDING)
    if differs.any():
        raise ManifestError(f"{files}: {table.index[differs][0]!r} is not in {PICTURE_FILE} with the same MOS")
    return table.drop(columns="mos")


def _box_table(path: Path, *, is_padded: bool) -> pd.DataFrame:
    wanted = ["mos_image", *SCORE_COLUMNS, *SIZE_COLUMNS, *BOX_COLUMNS]
    raw = read_columns(path, ["name_image", *wanted, *(["is_valid"] if is_padded else [])], "FLIVE")
    numbers = pd.DataFrame({column: parse_numbers(raw[column])[0] for column in wanted})
    size = numbers[SIZE_COLUMNS].to_numpy()
    rectangles = numbers[BOX_COLUMNS].to_numpy().reshape(-1, 1 + len(PATCHES), len(SIDES))
    picture = rectangles[:, 0]
    boxes = rectangles[:, 1:] - np.tile(picture[:, None, :2], 2)
    shift = (PADDED_SIDE - size) // 2 if is_padded else np.zeros_like(size)
    slack = 1 if is_padded else 0  # however an odd margin was halved
    start, end = boxes[..., :2], boxes[..., 2:]
    is_in_place = (np.abs(picture - np.hstack([shift, shift + size])) <= slack).all(axis=1)
    is_within = ((start >= 0) & (start < end) & (end <= size[:, None])).all(axis=(1, 2))
    is_whole = (boxes % 1 == 0).all(axis=(1, 2)) & np.isfinite(numbers.to_numpy()).all(axis=1)
    fits = is_in_place & is_within & is_whole
    if not fits.all():
        name = raw.loc[~fits, "name_image"].iloc[0]
        raise ManifestError(f"{path}: the boxes of {name!r} are not whole pixels within its picture")
    return pd.DataFrame(
        {
            "boxes": boxes.astype(np.int64).tolist(),
            "box_scores": numbers[SCORE_COLUMNS].to_numpy().tolist(),
            "official_split": _sides(raw["is_valid"], path) if is_padded else "test",
            "mos": numbers["mos_image"],
        }
    ).set_axis(raw["name_image"])


def _sides(is_valid: pd.Series, path: Path) -> pd.Series:
    sides = is_valid.map(lambda cell: IS_VALID.get(str(cell).lower()))
    if sides.isna().any():
        raise ManifestError(f"{path}: is_valid is True or False. Received: {is_valid[sides.isna()].iloc[0]!r}")
    return sides


def _patches(patch_file: Path | None, boxes: pd.DataFrame, folder: FolderIndex) -> pd.DataFrame:
    """One row a patch picture."""
    names = [name.rsplit("/", 1)[-1] for name in boxes.index]
    if patch_file:
        table = read_columns(patch_file, ["name", "mos"], "FLIVE").set_axis(["image", "score"], axis="columns")
    elif boxes.empty:
        files = ", ".join((PATCH_FILE, *TEST_FILES, *TRAIN_FILES))
        raise DatabaseLayoutError(f"{folder.root}: patches need one of the files {files} beside {PICTURE_FILE}")
    else:
        images = [f"patches/{name}_patch_{patch}.jpg" for name in names for patch in PATCHES]
        table = pd.DataFrame({"image": images, "score": np.concatenate(boxes["box_scores"].to_list())})
    table = table.join(table["image"].str.extract(PATCH_NAME))
    strange = table["group"].isna()
    if strange.any():
        raise ManifestError(
            f"{patch_file}: a patch is named like 'patches/rq59.jpg_patch_1.jpg'. Received: "
            f"{table.loc[strange, 'image'].iloc[0]!r}"
        )
    return table.assign(official_split=table["group"].map(boxes["official_split"].set_axis(names)))
