"""From a manifest to what is to be labelled: it lists pristine pictures, or distorted ones with their references."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from tfiqa.databases.groups import absolute_paths
from tfiqa.databases.manifest import Manifest
from tfiqa.databases.table_file import parse_numbers
from tfiqa.databases.validation import rows_problem, validate_manifest
from tfiqa.distortions.levels import LEVELS, NAMES, NUMBERS
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.features.weak_labels.draw import FROM_MANIFEST
from tfiqa.features.weak_labels.references import Carried, Pristine, Reference, Version
from tfiqa.features.weak_labels.settings import Settings
from tfiqa.pipelines.records.sources import with_keys

CARRIED = ("group", "split", "database")
MOST_LEVEL = 1000  # no database has as many
LISTED = ("image", "reference", "distortion", "level")  # what a manifest of distorted pictures needs


@dataclass(frozen=True, eq=False)
class Task:
    """Everything that a manifest asks for.

    Args:
        settings: with the draw decided.
        references: in the order of the manifest, a reference that comes again at its first place.
        table: what of the manifest determines the result.
        summary: one line for people.
    """

    settings: Settings
    references: list[Reference]
    table: pd.DataFrame
    summary: str

    def __len__(self) -> int:
        """How many records it makes when nothing fails."""
        return sum(map(len, self.references))


def read_task(manifest: Manifest, settings: Settings) -> Task:
    """What a manifest asks for: with a column `reference` its pictures are distorted ones, without it pristine.

    Distorted pictures are read from their files; one whose file is missing, but whose reference is there, is made anew of
    the reference. Where the manifest has a column for each of the measures, these scores are taken.

    Raises:
        ManifestError: it is neither, or lacks something that is needed; the text gives the rows.
        InvalidInput: settings that do not go with such a manifest.
    """
    if "reference" in manifest.table:
        return _distorted(manifest, settings)
    if "level" in manifest.table:
        raise ManifestError(
            f"{manifest.name}: lists neither pristine pictures, since it has a column 'level', nor distorted ones, "
            "since it has no column 'reference'"
        )
    return _pristine(manifest, settings)


def _pristine(manifest: Manifest, settings: Settings) -> Task:
    draw = settings.draw or "one"
    from_manifest = draw == FROM_MANIFEST
    if from_manifest:
        validate_manifest(manifest.table, manifest.path, required=("image", "distortion"), check_files=False)
        _refuse_unknown(manifest, np.ones(len(manifest), bool))
    table = _used(with_keys(manifest), ["image", "distortion"] if from_manifest else ["image"])
    keys = table["image"].tolist()
    carried = _carried(table, keys)
    types = table["distortion"].tolist() if from_manifest else [None] * len(keys)
    references = [
        Reference(str(path), key, Pristine(stem, None if from_manifest else draw, distortion, of_record))
        for path, key, stem, distortion, of_record in zip(
            manifest.picture_paths(), keys, _stems(keys), types, carried, strict=True
        )
    ]
    each = {
        "one": "one type each",
        "five": "five types each",
        "all": "all 25 types",
        FROM_MANIFEST: "the manifest's types",
    }
    text = f"{_count(len(keys), 'pristine picture')}, {each[draw]}, at {len(LEVELS)} levels"
    return Task(replace(settings, draw=draw), references, table, text)


def _distorted(manifest: Manifest, settings: Settings) -> Task:
    given = [name for name, value in (("draw", settings.draw), ("size", settings.size)) if value is not None]
    if given:
        raise InvalidInput(
            f"{manifest.name} lists distorted pictures (it has a column 'reference'), which take no {given[0]}"
        )
    validate_manifest(manifest.table, manifest.path, required=LISTED, check_files=False)
    levels, bad = parse_numbers(manifest.table["level"])
    odd = bad | ~(np.abs(levels) <= MOST_LEVEL) | (levels != np.floor(levels))
    problems = rows_problem("level is no whole number", odd, manifest.table["level"])
    if problems:
        raise ManifestError(f"{manifest.name}: {problems[0]}")
    paths = [str(path) for path in manifest.picture_paths()]
    references = absolute_paths(manifest.table["reference"], manifest.path)
    there = {path: os.path.isfile(path) for path in {*paths, *references}}
    # A picture that is missing together with its reference fails as what it is, a missing file.
    is_made = np.array([not there[path] and there[other] for path, other in zip(paths, references, strict=True)])
    _refuse_unknown(manifest, is_made, levels)
    is_scored = all(name in manifest.table for name in settings.measures)
    measures = list(settings.measures) if is_scored else []
    table = _used(with_keys(manifest), [*LISTED, *measures]).assign(level=levels.astype(np.int64), is_made=is_made)
    table = table.assign(**{name: parse_numbers(table[name])[0] for name in measures})
    pngs = table["image"].map(lambda key: str(PurePosixPath(key).with_suffix(".png")))
    table["image"] = table["image"].where(~is_made, pngs)
    if table["image"].duplicated().any():
        twice = table["image"][table["image"].duplicated()].iloc[0]
        raise ManifestError(f"{manifest.name}: two pictures would be called {twice}; rename one")
    columns = (table[name].tolist() for name in (*LISTED, "is_made"))
    rows_of_scores = map(tuple, table[measures].to_numpy(np.float64).tolist())
    versions: dict[tuple[str, str], list[Version]] = {}
    for image, key, distortion, level, made, carried, path, reference, scores in zip(
        *columns, _carried(table, table["reference"].tolist()), paths, references, rows_of_scores, strict=True
    ):
        file, known = None if made else path, scores if is_scored else None
        versions.setdefault((reference, key), []).append(Version(image, distortion, level, carried, file, known))
    found = [Reference(path, key, tuple(sorted(each, key=_type_order))) for (path, key), each in versions.items()]
    return Task(settings, found, table, _summary(len(table), int(is_made.sum()), is_scored))


def _type_order(version: Version) -> tuple[int, str]:
    """Types side by side, so that they are measured together."""
    return NUMBERS.get(version.distortion, 0), version.distortion


def _summary(pictures: int, made: int, is_scored: bool) -> str:
    read = pictures - made
    parts = [f"{read} read from their files"] if read else []
    parts += [f"{made} made anew of their references"] if made else []
    how = "the manifest's scores are taken, nothing is measured" if is_scored else "measured against their references"
    return f"{_count(pictures, 'distorted picture')}: {', '.join(parts)}; {how}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _refuse_unknown(manifest: Manifest, is_made: np.ndarray, levels: np.ndarray | None = None) -> None:
    """Raises ManifestError where a picture is to be made by a type or at a level that there is none of."""
    table = manifest.table
    problems = rows_problem(
        "distortion is none of `tfiqa list distortions`",
        is_made & ~table["distortion"].isin(NAMES),
        table["distortion"],
    )
    if levels is not None:
        problems += rows_problem("level is none of 1 to 5", is_made & ~np.isin(levels, LEVELS), table["level"])
    if problems:
        raise ManifestError(f"{manifest.name}: {'; '.join(problems)}")


def _used(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    return table[[*columns, *(name for name in CARRIED if name in table and name not in columns)]]


def _carried(table: pd.DataFrame, keys: Sequence[str]) -> list[Carried]:
    """For each row its group (its key where it has none), split and database."""

    def cells(column: str) -> list[str | None]:
        if column not in table:
            return [None] * len(table)
        return [None if missing else cell for cell, missing in zip(table[column], table[column].isna(), strict=True)]

    rows = zip(cells("group"), keys, cells("split"), cells("database"), strict=True)
    return [Carried(group or key, split, database) for group, key, split, database in rows]


def _stems(keys: Sequence[str]) -> list[str]:
    """Keys without their endings, except where two would be the same."""
    short = [str(PurePosixPath(key).with_suffix("")) for key in keys]
    counts = Counter(short)
    taken = set(keys)
    return [key if counts[stem] > 1 or stem in taken else stem for key, stem in zip(keys, short, strict=True)]
