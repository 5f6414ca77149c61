"""KADIS-700k's published table: the scores of eleven full-reference measures for each of the 700,000 distorted pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from tfiqa.distortions.levels import NAMES
from tfiqa.errors import DatabaseLayoutError

SCORE_FILE = "kadis700k_friqa.csv"
# Our measures and what the table may call them, written without "_"; its fsim is FSIMc, as the paper has it.
MEASURE_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "ssim": ("ssim",),
    "ms_ssim": ("msssim",),
    "iw_ssim": ("iwssim",),
    "mdsi": ("mdsi",),
    "vsi": ("vsi",),
    "fsimc": ("fsimc", "fsim"),
    "gmsd": ("gmsd",),
    "sff": ("sff",),
    "scqi": ("scqi",),
    "add_gsim": ("addgsim",),
    "sr_sim": ("srsim",),
}
NAME_COLUMNS: Mapping[str, tuple[str, ...]] = {"dist_im": ("distim",), "ref_im": ("refim",)}
# The types in KADID's order 1, 2, ..., 25, as names of distorted pictures in the table have them.
WORDS = (
    "gblur",
    "lblur",
    "mblur",
    "colordiffuse",
    "colorshift",
    "colorquantize",
    "colorsaturate",
    "saturate",
    "jp2k",
    "jpeg",
    "noisegauss",
    "noisecolorcomp",
    "noiseimpulse",
    "noisemultiplicative",
    "denoise",
    "brighten",
    "darken",
    "meanshift",
    "jitter",
    "noneccentricity",
    "pixelate",
    "noisequantize",
    "colorblock",
    "sharpenhi",
    "contrastchange",
)
DISTORTED_NAME = r"^(?P<stem>.+)_(?P<word>[^_]+)_(?P<level>[1-5])\.[^.]+$"  # a stem may have "_" itself


def read_published_scores(path: Path) -> pd.DataFrame:
    """The table, a row a distorted picture.

    Columns are found by name: their order, letter case and "_" do not matter. It is read by Arrow's parser, which takes
    seconds for the 700,000 rows where cells as Python's text would take half a minute.

    Returns:
        Columns `reference` (file name), `distortion` (one of `NAMES`), `level` (1 to 5) and the measures of
        `MEASURE_COLUMNS`, float64, as published: higher is better except for mdsi and gmsd; NaN where it says so.

    Raises:
        DatabaseLayoutError: the file cannot be read, a column is missing, a distorted picture's name is not its
            reference's with type and level, or a score is no number or infinite; the text names the first.
    """
    raw = _columns(path)
    distorted, references = raw["dist_im"], raw["ref_im"]
    parts = distorted.str.extract(DISTORTED_NAME)
    types = parts["word"].str.lower().map({word: place for place, word in enumerate(WORDS)})
    strange = (types.isna() | (parts["stem"] != references.str.split(".", n=1).str[0])).to_numpy()
    if strange.any():
        raise DatabaseLayoutError(
            f"{path}: {distorted[strange].iloc[0]!r} is no distorted picture of {references[strange].iloc[0]!r}"
            + (f" (and {strange.sum() - 1} more)" if strange.sum() > 1 else "")
        )
    table = {
        "reference": references,
        "distortion": np.array(NAMES, object)[types.to_numpy(int)],
        "level": parts["level"].astype(int),
    }
    for measure in MEASURE_COLUMNS:
        infinite = np.isinf(raw[measure].to_numpy())
        if infinite.any():
            raise DatabaseLayoutError(f"{path}: {measure} of {distorted[infinite].iloc[0]} is infinite")
        table[measure] = raw[measure]
    return pd.DataFrame(table)


def _columns(path: Path) -> pd.DataFrame:
    """The columns under our names: text of `NAME_COLUMNS`, float64 of `MEASURE_COLUMNS`."""
    import pyarrow as pa
    from pyarrow import csv

    try:
        with open(path, encoding="utf-8-sig", errors="replace") as stream:
            header = [name.strip().strip('"') for name in stream.readline().split(",")]
        ours = _names_of_ours(header, path)
        table = csv.read_csv(
            path,
            csv.ReadOptions(column_names=header, skip_rows=1),
            convert_options=csv.ConvertOptions(
                include_columns=list(ours),
                column_types={
                    name: pa.float64() if our in MEASURE_COLUMNS else pa.string() for name, our in ours.items()
                },
                null_values=[],
            ),
        )
    except OSError as error:
        raise DatabaseLayoutError(f"cannot read {path}: {error.strerror or error}") from error
    except pa.ArrowInvalid as error:
        raise DatabaseLayoutError(f"{path}: {' '.join(str(error).split())}") from error
    return table.rename_columns(list(ours.values())).to_pandas()


def _names_of_ours(header: list[str], path: Path) -> dict[str, str]:
    """The columns of the header that are wanted, with our names. Raises DatabaseLayoutError that names all that lack."""
    there = {name.lower().replace("_", ""): name for name in header}
    wanted = {**NAME_COLUMNS, **MEASURE_COLUMNS}
    found = {our: next((there[name] for name in theirs if name in there), None) for our, theirs in wanted.items()}
    lacking = [our for our, name in found.items() if name is None]
    if lacking:
        raise DatabaseLayoutError(
            f"{path} is no score table of KADIS-700k: looked for the columns {', '.join(lacking)}; "
            f"it has {', '.join(header)}"
        )
    return {name: our for our, name in found.items() if name is not None}
