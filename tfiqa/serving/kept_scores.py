"""Scores kept as CSV while they are made, so that neither a kill nor a second run costs a picture twice."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tfiqa.files import storage_errors, whole_file
from tfiqa.models.outputs import column_names
from tfiqa.pipelines.records.packed_picture import PackedPicture, Source, name_of
from tfiqa.serving.scorer import Scorer

DIGITS = 12  # hexadecimal, of the SHA-256 of the model's files, which tell its scores from another's in a folder
VERSION = "version"  # column: what a picture was when it was scored; the last one, so that half a row lacks it
Row = dict[str, Any]


def kept_rows(
    scorer: Scorer,
    pictures: Sequence[Source],
    folder: Path,
    name: str,
    *,
    exif: NDArray[np.float64] | None = None,
    progress: Callable[[int, int], None] | None = None,
    tell: Callable[[str], None] | None = None,
) -> list[Row]:
    """What `Scorer.rows` gives, from a CSV file where it has a picture's scores; the others are computed and added, row by row.

    A score is used again for the same model's files, picture's name, size and time of change, and EXIF numbers; pictures that
    failed are tried again. The file is a score file: it has also the column `scale_direction`.

    Args:
        scorer: the model.
        pictures: files or packed pictures, each once.
        folder: of the CSV file, made where it is missing.
        name: begins the file's name; a digest of the model's files ends it.
        exif: as in `Scorer.rows`, (N, 8).
        progress: called with (done, all) after each picture that is scored.
        tell: called with a line that says how many pictures are scored already, if any are.

    Raises StorageError when the system refuses.
    """
    path = folder / f"{re.sub(r'[^A-Za-z0-9._-]', '_', name)}-{_digest(scorer.source)}.csv"
    columns = ("path", *scorer.columns, "scale_direction", "error", VERSION)
    versions = {
        name_of(picture): _version(picture, None if exif is None else exif[place])
        for place, picture in enumerate(pictures)
    }
    with storage_errors(path):
        kept = _whole_rows(path, columns)
        kept = {key: row for key, row in kept.items() if versions.get(key, row[VERSION]) == row[VERSION]}
        known = {key: _typed(kept[key], scorer) for key in versions if key in kept}
        remaining = [place for place, picture in enumerate(pictures) if name_of(picture) not in known]
        if known and tell:
            tell(f"{name}: {len(known)} of {len(pictures)} pictures are scored already ({path})")
        if remaining:
            _write(path, columns, kept)
            assert scorer.info.scale is not None  # Scorer refuses models without one
            direction = "higher" if scorer.info.scale.higher_is_better else "lower"
            rows = scorer.rows([pictures[place] for place in remaining], None if exif is None else exif[remaining])
            with open(path, "a", encoding="utf-8", errors="surrogateescape", newline="") as stream:
                writer = csv.DictWriter(stream, columns, lineterminator="\n")
                for row in rows:
                    writer.writerow({**row, "scale_direction": direction, VERSION: versions[row["path"]]})
                    stream.flush()
                    known[row["path"]] = row
                    if progress:
                        progress(len(known), len(pictures))
    return [known[name_of(picture)] for picture in pictures]


def _whole_rows(path: Path, columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """By picture, the rows of a file that have a score; none without the file, or when its columns are others."""
    if not path.is_file():
        return {}
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    whole = text[: text.rfind("\n") + 1]  # a process that was killed may have left half a row
    reader = csv.DictReader(io.StringIO(whole, newline=""))
    if tuple(reader.fieldnames or ()) != tuple(columns):
        return {}
    return {row["path"]: row for row in reader if row[VERSION] and not row["error"]}


def _write(path: Path, columns: Sequence[str], rows: Mapping[str, Mapping[str, str]]) -> None:
    with (
        whole_file(path) as temporary,
        open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream,
    ):
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows.values())


def _typed(row: Mapping[str, str], scorer: Scorer) -> Row:
    numbers = column_names(scorer.info)
    scores = {name: float(row[name]) if name in numbers else row[name] for name in scorer.columns}
    return {"path": row["path"], **scores, "error": None}


def _digest(model: Path) -> str:
    """The beginning of the SHA-256 of a model's file, or of all files of its folder in the order of their names."""
    digest = hashlib.sha256()
    for file in sorted(path for path in model.rglob("*") if path.is_file()) if model.is_dir() else [model]:
        with open(file, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:DIGITS]


def _version(picture: Source, exif: NDArray[np.float64] | None) -> str:
    """Size and time of change (ns) of the picture's file, and a digest of its EXIF numbers; empty for a missing file."""
    try:
        found = os.stat(picture.shard if isinstance(picture, PackedPicture) else picture)
    except OSError:  # its row will be an error
        return ""
    numbers = "" if exif is None else f"-{hashlib.sha256(exif.tobytes()).hexdigest()[:DIGITS]}"
    return f"{found.st_size}-{found.st_mtime_ns}{numbers}"
