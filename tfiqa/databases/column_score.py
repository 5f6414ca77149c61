"""Another column of a manifest in the place of people's scores: weak labels, such as full-reference measures."""

from __future__ import annotations

from dataclasses import replace

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.table_file import parse_numbers
from tfiqa.databases.validation import rows_problem, validate_manifest
from tfiqa.errors import ManifestError
from tfiqa.histogram_equalization import EqualizingMap
from tfiqa.score_scale import ScoreScale


def score_from_column(manifest: Manifest, column: str, scale: ScoreScale, *, equalize: bool = False) -> Manifest:
    """The manifest with a column's numbers as `score`.

    Args:
        manifest: without scores.
        column: filled in every row.
        scale: of the column.
        equalize: whether the numbers are first spread evenly over 0..1, higher is better (Lin, Hosu and Saupe, "DeepFL-IQA",
            2020, section III-B): the scale of a measure is not one that people would use.

    Raises ManifestError when the manifest has scores already, or lacks the column or any of its numbers.
    """
    if "score" in manifest.table or "score_std" in manifest.table:
        raise ManifestError(f"{manifest.name} has scores of its own; remove them to take column {column!r} instead")
    validate_manifest(manifest.table, manifest.path, required=("image", column), check_files=False)
    numbers, bad = parse_numbers(manifest.table[column])
    problems = rows_problem(f"{column} is not a number", bad, manifest.table[column])
    if problems:
        raise ManifestError(f"{manifest.name}: {problems[0]}")
    if equalize:
        numbers = EqualizingMap.fit(numbers, scale.higher_is_better).transform(numbers)
        scale = ScoreScale(0.0, 1.0, True, f"{scale.unit}, equalised")
    return replace(manifest, table=manifest.table.assign(score=numbers), scale=scale)
