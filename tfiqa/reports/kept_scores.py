"""Scores that a report computes once and keeps beside it as CSV."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from tfiqa.databases.table_file import write_table
from tfiqa.models.outputs import column_names
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.pipelines.records.packed_picture import PackedPicture, Source, name_of
from tfiqa.serving.evaluation import exif_of
from tfiqa.serving.scorer import Scorer

DIGITS = 12  # of a SHA-256, which tell the scores of one model and set of pictures from all others in a folder


def kept_rows(
    scorer: Scorer,
    pictures: LabelledPictures,
    folder: Path,
    name: str,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """What `Scorer.rows` gives for some pictures: from a CSV in the folder where one holds it, else computed and written.

    Args:
        scorer: the model.
        pictures: to score, with their EXIF columns.
        folder: of the CSV files.
        name: begins the file's name; a digest of the model's files and the pictures' names, sizes and times of change ends it.
        progress: called with (done, all) after each picture that is scored.
    """
    path = folder / f"{name}_{_digest(scorer, pictures)}.csv"
    if not path.is_file():
        rows = []
        for row in scorer.rows(pictures.sources, exif_of(pictures.manifest, scorer)):
            rows.append(row)
            if progress:
                progress(len(rows), len(pictures))
        write_table(pd.DataFrame(rows, columns=["path", *scorer.columns, "error"]), path)
        return rows
    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding_errors="surrogateescape")
    numbers = set(column_names(scorer.info))
    return [
        {str(name): (float(cell) if name in numbers else cell) if cell else None for name, cell in row.items()}
        for row in table.to_dict("records")
    ]


def _digest(scorer: Scorer, pictures: LabelledPictures) -> str:
    digest = hashlib.sha256()
    source = scorer.source
    for file in sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]:
        with open(file, "rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    digest.update(repr([_told(picture) for picture in pictures.sources]).encode("utf-8", "surrogateescape"))
    exif = exif_of(pictures.manifest, scorer)
    digest.update(b"" if exif is None else exif.tobytes())
    return digest.hexdigest()[:DIGITS]


def _told(picture: Source) -> tuple[object, ...]:
    file = picture.shard if isinstance(picture, PackedPicture) else Path(os.fsdecode(picture))
    try:
        found = file.stat()
    except OSError:  # missing: its row is an error
        return (name_of(picture),)
    return name_of(picture), found.st_size, found.st_mtime_ns
