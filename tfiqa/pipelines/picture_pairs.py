"""From what a user names (two files, two folders, a table) to pairs of a reference and a distorted picture."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tfiqa.databases.table_file import read_table
from tfiqa.errors import InvalidInput, ManifestError
from tfiqa.images.discovery import find_pictures, is_picture_name

MARK = "{reference}"
PLAIN = (str, int, float, type(None))  # cells that every output format takes; a Parquet file can hold others


@dataclass(frozen=True)
class PicturePair:
    """A row of a list of pairs.

    Args:
        cells: what the row says: "reference" and "distorted" as the user wrote them, and the table's further columns.
        files: the reference and the distorted picture.
        error: why there are no such files, where `files` is None.
    """

    cells: Mapping[str, Any]
    files: tuple[Path, Path] | None = None
    error: str = ""


def read_pairs(path: Path) -> list[PicturePair]:
    """The pairs of a table, CSV or Parquet, whose further columns are kept as they are.

    Args:
        path: it has the columns `reference` and `distorted` (or, as a manifest, `image`), paths from its folder. Where it
            has a column `error`, as the tables of tfiqa's commands, rows with one are not measured and keep it.

    Raises:
        ManifestError: it cannot be read, lacks a column or has no rows.
    """
    table = read_table(path)
    if "distorted" not in table and "image" in table:
        table = table.rename(columns={"image": "distorted"})
    lacking = [name for name in ("reference", "distorted") if name not in table]
    if lacking:
        raise ManifestError(f"{path}: column {lacking[0]!r} is missing; it has: {', '.join(table.columns)}")
    if table.empty:
        raise ManifestError(f"{path}: it has no rows")
    order = ["reference", "distorted", *table.columns.drop(["reference", "distorted"])]
    table = table[order].astype(object)
    rows = table.where(table.notna(), None).to_dict("records")
    return [_listed(cells, path.parent, cells.pop("error", None)) for cells in rows]


def find_pairs(reference: str | Path, distorted: str | Path, pattern: str | None = None) -> list[PicturePair]:
    """The pairs of two files, of one reference file and a folder, or of two folders.

    In two folders (or glob patterns) names tell which pictures belong together, in any letter case and whatever the
    suffix; of several references the longest name wins, and of several of one name the one in the same subfolder. Where
    both are one folder, a picture is not its own reference, and those that others refer to are not measured.

    Args:
        reference: a file, or a folder or glob pattern as `find_pictures` takes them.
        distorted: likewise.
        pattern: the name of a distorted picture with `{reference}` for that of its reference, and *, ? and [...] as in
            file names ("{reference}_*"); with or without a suffix. By default the reference's name, alone or with
            anything behind it that begins with neither letter nor digit: I01_05_2.png belongs to I01.png.

    Raises:
        InvalidInput: a folder without pictures, a pattern for a single reference, or without `{reference}`.
    """
    references, pictures = find_pictures([reference]), find_pictures([distorted])
    if references == [Path(reference)]:
        if pattern is not None:
            raise InvalidInput(f"a name pattern needs a folder of references. Received: {reference}")
        return [_together(references[0], picture) for picture in pictures]
    names = _Names(pattern)
    index: dict[str, list[Path]] = {}
    for path in references:
        index.setdefault(path.stem.lower(), []).append(path)
    found = [_matched(picture, index, names, Path(reference), Path(distorted)) for picture in pictures]
    serving = {os.path.abspath(pair.files[0]) for pair in found if pair.files}
    return [pair for pair in found if pair.files or os.path.abspath(pair.cells["distorted"]) not in serving]


class _Names:
    """How the name of a distorted picture contains that of its reference."""

    def __init__(self, pattern: str | None) -> None:
        self.pattern = pattern
        if pattern is None:
            return
        before, mark, after = pattern.lower().partition(MARK)
        if not mark or MARK in after:
            raise InvalidInput(f"a name pattern has {MARK} once, as in '{MARK}_*'. Received: {pattern!r}")
        self._before, self._after = before, after

    def candidates(self, picture: Path, known: Container[str]) -> Iterator[str]:
        """Which of the known names the reference may have, the longest first."""
        has_suffix = self.pattern is not None and is_picture_name(self.pattern)
        text = (picture.name if has_suffix else picture.stem).lower()
        for length in range(len(text), 0, -1):
            for start in range(len(text) - length + 1):
                stop = start + length
                if text[start:stop] in known and self._fits(text[:start], text[stop:]):
                    yield text[start:stop]

    def _fits(self, before: str, after: str) -> bool:
        if self.pattern is None:
            return not before and not after[:1].isalnum()
        return fnmatchcase(before, self._before) and fnmatchcase(after, self._after)


def _matched(
    picture: Path, index: Mapping[str, Sequence[Path]], names: _Names, reference_root: Path, distorted_root: Path
) -> PicturePair:
    own = os.path.abspath(picture)
    for name in names.candidates(picture, index):
        found = [path for path in index[name] if os.path.abspath(path) != own]
        if len(found) > 1:
            folder = os.path.relpath(picture.parent, distorted_root)
            found = [path for path in found if os.path.relpath(path.parent, reference_root) == folder] or found
        if len(found) > 1:
            return _alone(picture, f"several references fit: {found[0]}, {found[1]}")
        if found:
            return _together(found[0], picture)
    return _alone(picture, "no reference has a fitting name")


def _together(reference: Path, distorted: Path) -> PicturePair:
    return PicturePair({"reference": str(reference), "distorted": str(distorted)}, (reference, distorted))


def _alone(distorted: Path, reason: str) -> PicturePair:
    return PicturePair({"reference": None, "distorted": str(distorted)}, error=f"{distorted}: {reason}")


def _listed(row: Mapping[Any, Any], folder: Path, error: Any) -> PicturePair:
    cells = {name: cell if isinstance(cell, PLAIN) else str(cell) for name, cell in row.items()}
    if error:
        return PicturePair(cells, error=str(error))
    for role in ("reference", "distorted"):
        if not cells[role]:
            return PicturePair(cells, error=f"the row has no {role} picture")
    return PicturePair(cells, (folder / str(cells["reference"]), folder / str(cells["distorted"])))
