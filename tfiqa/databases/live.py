"""LIVE release 2: 779 distorted versions of 29 photographs (Sheikh et al., 2006)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.label_file import numbers, read_fields, read_variables
from tfiqa.databases.reader import READERS, FolderIndex, FolderReader
from tfiqa.errors import DatabaseLayoutError
from tfiqa.score_scale import ScoreScale

# Folder -> name and number of pictures img1.bmp, img2.bmp, ..., in the order of the label files (the release's readme).
FOLDERS = {
    "jp2k": ("jpeg2000", 227),
    "jpeg": ("jpeg", 233),
    "wn": ("white_noise", 174),
    "gblur": ("gaussian_blur", 174),
    "fastfading": ("fast_fading", 174),
}
INFORMATION_FILE = "info.txt"
REFERENCE_FILE, REFERENCE_NAMES = "refnames_all.mat", "refnames_all"
REFERENCE_FOLDER = "refimgs"
# Option -> file, its scores, their standard deviations.
SCORE_FILES = {"realigned": ("dmos_realigned.mat", "dmos_new", "dmos_std"), "original": ("dmos.mat", "dmos", None)}
IS_ORIGINAL = "orgs"
# The realigned scores of the distorted pictures run from -2.64 to 111.77: nothing bounds them. The older ones, from
# 17.90 to 84.49, were brought to 1 to 100 (readme); 0 stands for the originals.
SCALES = {
    "realigned": ScoreScale(None, None, False, "LIVE DMOS"),
    "original": ScoreScale(0.0, 100.0, False, "LIVE DMOS before realignment"),
}


@READERS.register("live")
class LIVE(FolderReader):
    """The official layout: five folders of pictures with their `info.txt`, `refimgs`, and the `.mat` files.

    Option `scores`: "realigned" (2006; the scores in use, comparable between the distortions) or "original" (2005; no
    standard deviations). The 203 hidden originals among the 982 rated pictures are left out. `score_std` is `dmos_std`
    as released. There are no levels; `distortion_parameter` is the number in `info.txt`: bits per pixel (jpeg2000;
    jpeg: as achieved), standard deviation (white_noise, gaussian_blur), receiver's signal-to-noise ratio (fast_fading).
    `group` is the reference. Twenty of the 29 are Kodak photographs, many of which TID2013 shows, too.
    """

    name = "live"
    citation = (
        "H. R. Sheikh, M. F. Sabir, A. C. Bovik, A statistical evaluation of recent full reference image quality "
        "assessment algorithms, IEEE Transactions on Image Processing 15(11), 3440-3451, 2006; H. R. Sheikh, Z. Wang, "
        "L. Cormack, A. C. Bovik, LIVE Image Quality Assessment Database Release 2"
    )
    home_page = "https://live.ece.utexas.edu/research/quality/subjective.htm"
    licence = "free for any purpose with the copyright notice and the citation; nine references only in the database"
    pictures = 779
    scale = SCALES["realigned"]
    has_references = True
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {"scores": tuple(SCORE_FILES)}

    def score_scale(self) -> ScoreScale:
        return SCALES[self.options["scores"]]

    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        file, score, deviation = SCORE_FILES[self.options["scores"]]
        scores = folder.require(file)
        references = folder.require(REFERENCE_FILE)
        information = {name: folder.require(f"{name}/{INFORMATION_FILE}") for name in FOLDERS}

        table = pd.DataFrame(
            [
                (f"{name}/img{number}.bmp", distortion)
                for name, (distortion, count) in FOLDERS.items()
                for number in range(1, count + 1)
            ],
            columns=["image", "distortion"],
        )
        columns = {"score": score, IS_ORIGINAL: IS_ORIGINAL} | ({"score_std": deviation} if deviation else {})
        vectors = _vectors(scores, list(columns.values()), len(table))
        for column, variable in columns.items():
            table[column] = _as_numbers(vectors[variable], f"{scores}: {variable}")
        names = _vectors(references, [REFERENCE_NAMES], len(table))[REFERENCE_NAMES]
        table["reference"] = [str(np.squeeze(name)).strip() for name in names]

        distorted = table[table[IS_ORIGINAL] == 0].drop(columns=IS_ORIGINAL)
        table = pd.concat(
            [_with_parameter(distorted, name, path) for name, path in information.items()], ignore_index=True
        )
        return table.assign(
            reference=REFERENCE_FOLDER + "/" + table["reference"],
            group=[Path(name.lower()).stem for name in table["reference"]],
        )


def _vectors(path: Path, names: Sequence[str], count: int) -> dict[str, NDArray]:
    """Variables of a MATLAB file, each (count,). Raises DatabaseLayoutError where the file holds something else."""
    variables = read_variables(path, names)
    for name, variable in variables.items():
        if sorted(variable.shape) != [1, count]:
            shape = "x".join(map(str, variable.shape))
            raise DatabaseLayoutError(f"{path}: {name} has {shape} entries; LIVE release 2 has {count} pictures")
    return {name: variable.ravel() for name, variable in variables.items()}


def _as_numbers(vector: NDArray, name: str) -> NDArray[np.float64]:
    try:
        return vector.astype(np.float64)
    except (TypeError, ValueError):
        raise DatabaseLayoutError(f"{name} holds {np.squeeze(vector[0])}, not numbers") from None


def _with_parameter(table: pd.DataFrame, folder: str, path: Path) -> pd.DataFrame:
    """The rows of one folder with `distortion_parameter` from its `info.txt`, whose references must be the same."""
    table = table[table["image"].str.startswith(f"{folder}/")]
    listed = _information(path)
    images = table["image"].str.removeprefix(f"{folder}/")
    for image, reference in zip(images, table["reference"], strict=True):
        if image not in listed:
            raise DatabaseLayoutError(f"{path} does not list {image}")
        if listed[image][0] != reference.lower():
            raise DatabaseLayoutError(
                f"{path} says that {image} shows {listed[image][0]!r}, {REFERENCE_FILE} says {reference!r}"
            )
    parameters = pd.Series([listed[image][1] for image in images], index=table.index, name="the parameter", dtype=str)
    return table.assign(distortion_parameter=numbers(parameters, images, path))


def _information(path: Path) -> dict[str, tuple[str, str]]:
    """Picture -> reference (both in lower case) and parameter, as an `info.txt` lists them in any order.

    Lines of other things than rated pictures (img<number>.bmp) are passed over.
    """
    listed: dict[str, tuple[str, str]] = {}
    for fields in read_fields(path):
        if len(fields) < 3 or not re.fullmatch(r"img\d+\.bmp", fields[1].lower()):
            continue
        image, entry = fields[1].lower(), (fields[0].lower(), fields[2])
        if listed.setdefault(image, entry) != entry:
            raise DatabaseLayoutError(f"{path} lists {image} twice, differently")
    return listed
