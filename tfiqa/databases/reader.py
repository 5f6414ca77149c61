"""Readers of public databases: from a folder in its official layout to a manifest."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd

from tfiqa.databases.manifest import Manifest, manifest_from_table
from tfiqa.databases.table_file import parse_numbers
from tfiqa.errors import DatabaseLayoutError, ManifestError, UnknownName
from tfiqa.registry import Registry, unknown_name
from tfiqa.score_scale import ScoreScale

NAMES_SHOWN = 8
Progress = Callable[[int, int], None]  # called with (done, total)


@dataclass(frozen=True)
class ReaderResult:
    """What a reader made of a folder.

    Args:
        manifest: the pictures that can be used, with absolute paths.
        missing: pictures and references that the labels name and the folder lacks, named as the labels do.
        unreadable: one text for each picture that is there and cannot be decoded, "path: reason"; empty when not
            verified.
        official_count: rows of the full release with the same options; None where there is no such thing.
    """

    manifest: Manifest
    missing: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    official_count: int | None = None

    def summary(self) -> str:
        """One line with the counts and the first of each fault; it tells when this is not the full release."""
        official = self.official_count
        parts = [f"{len(self.manifest)} pictures"]
        if official is not None and official != len(self.manifest):
            parts[0] += f" of the {official} in the full release"
        for what, names in (("missing", self.missing), ("unreadable", self.unreadable)):
            parts.append(f"{len(names)} {what}" + (f" (first: {names[0]})" if names else ""))
        return ", ".join(parts)


class Reader(ABC):
    """One database. A subclass declares the facts below and registers itself in `READERS` under its name.

    Args:
        options: choices where a release leaves any, by name; each is one of the values in `choices`.

    Raises:
        UnknownName: an option that the reader lacks, or a value that the option lacks.
    """

    name: ClassVar[str]
    citation: ClassVar[str]
    home_page: ClassVar[str]
    licence: ClassVar[str]
    # Rows of the full release with the default options; None where there is no such thing.
    pictures: ClassVar[int | None]
    scale: ClassVar[ScoreScale]  # of the scores, with the default options
    has_references: ClassVar[bool]
    has_scores: ClassVar[bool] = True
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # option -> its values, the default first

    def __init__(self, **options: str) -> None:
        for option, value in options.items():
            if option not in self.choices:
                raise UnknownName(unknown_name(f"option of {self.name}", option, self.choices))
            if value not in self.choices[option]:
                raise UnknownName(unknown_name(f"value of {self.name}'s option {option}", value, self.choices[option]))
        self.options = {option: options.get(option, values[0]) for option, values in self.choices.items()}

    def score_scale(self) -> ScoreScale:
        """The scale of the scores with the options chosen."""
        return self.scale

    @classmethod
    def official_count(cls, table: pd.DataFrame) -> int | None:
        """How many rows a manifest of the full release has, for a manifest made with the same options as `table`."""
        return cls.pictures

    @abstractmethod
    def read(self, root: Path) -> ReaderResult:
        """The manifest of the database at `root`, and the pictures that are missing there.

        Raises:
            DatabaseLayoutError: `root` is no folder, lacks the label files, or holds none of the pictures.
            ManifestError: the label files hold what cannot be.
        """


class FolderReader(Reader):
    """A database that is a folder of label files and pictures; a subclass only reads the labels."""

    needed = "image"  # rows whose file in this column is missing are left out

    @abstractmethod
    def labels(self, folder: FolderIndex) -> pd.DataFrame:
        """The manifest's table: `image` and `reference` relative to the root, spelt as in the label files.

        Raises DatabaseLayoutError when the label files are not where they belong.
        """

    def read(self, root: Path) -> ReaderResult:
        folder = FolderIndex(root, self.name)
        table = self.labels(folder).assign(database=self.name)
        _check_scores(table, self.score_scale(), root)
        manifest = manifest_from_table(table, root, required=("image", "score") if self.has_scores else ("image",))
        manifest = replace(manifest, scale=self.score_scale())
        return replace(located(manifest, folder, self.needed), official_count=self.official_count(table))


READERS: Registry[type[Reader]] = Registry("database")


def _check_scores(table: pd.DataFrame, scale: ScoreScale, root: Path) -> None:
    """Raises ManifestError for scores beyond their scale and negative deviations: columns changed places, or damage."""
    low = -np.inf if scale.low is None else scale.low
    high = np.inf if scale.high is None else scale.high
    for column, lowest, highest, what in (
        ("score", low, high, f"off the scale ({scale})"),
        ("score_std", 0.0, np.inf, "negative"),
    ):
        numbers = parse_numbers(table[column])[0] if column in table else np.empty(0)
        bad = np.flatnonzero((numbers < lowest) | (numbers > highest))
        if len(bad):
            raise ManifestError(
                f"{root}: {column} is {what} for {len(bad)} of {len(table)} pictures "
                f"(first: {numbers[bad[0]]:g} of {table['image'].iloc[bad[0]]})"
            )


class FolderIndex:
    """Finds files beneath a folder whatever their letter case; every folder is listed once.

    Raises:
        DatabaseLayoutError: `root` is no folder; from the methods: a folder that may not be read.
    """

    def __init__(self, root: Path, database: str) -> None:
        if not root.is_dir():
            raise DatabaseLayoutError(f"{root} is no folder; give the folder that holds {database}")
        self.root = Path(os.path.abspath(root))
        self.database = database
        self._listed: dict[Path, dict[str, str]] = {}

    def find(self, relative: str) -> Path | None:
        """The file of that path beneath the root: the exact name if there is one, else one of other letter case."""
        exact = Path(os.path.normpath(self.root / relative))
        if os.path.isfile(exact):  # Path.is_file raises for names that are too long, and in closed folders
            return exact
        found = self.root if exact.is_relative_to(self.root) else Path(exact.anchor)
        for part in exact.relative_to(found).parts:
            names = self._names(found)
            name = names.get(part) or names.get(part.casefold())
            if name is None:
                return None
            found = found / name
        return found if os.path.isfile(found) else None

    def require(self, *alternatives: str) -> Path:
        """The first of the files that is there. Raises DatabaseLayoutError when none is."""
        for relative in alternatives:
            found = self.find(relative)
            if found:
                return found
        wanted = " or ".join(repr(relative) for relative in alternatives)
        raise DatabaseLayoutError(
            f"{self.root} is not {self.database}: looked for {wanted}; it holds {self.contents()}"
        )

    def names(self) -> list[str]:
        """The names in the root, sorted."""
        return sorted(set(self._names(self.root).values()))

    def contents(self) -> str:
        """The first names in the root, for messages."""
        names = self.names()
        more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        return (", ".join(names[:NAMES_SHOWN]) or "nothing") + more

    def _names(self, folder: Path) -> dict[str, str]:
        if folder not in self._listed:
            try:
                names = sorted(os.listdir(folder), reverse=True) if os.path.isdir(folder) else []
            except OSError as error:
                raise DatabaseLayoutError(f"cannot read the folder {folder}: {error.strerror or error}") from error
            self._listed[folder] = {name.casefold(): name for name in names} | {name: name for name in names}
        return self._listed[folder]


def located(manifest: Manifest, folder: FolderIndex, needed: str = "image") -> ReaderResult:
    """The manifest with the paths of the files that are there; rows whose picture is missing are left out and listed.

    Args:
        manifest: its paths are relative to the folder's root.
        folder: where the files are.
        needed: "image"; or "reference" where the pictures may still have to be made from their references: the pictures
            are then not looked for, and rows whose reference is missing are left out.

    Raises:
        DatabaseLayoutError: none of the needed pictures is there.
    """
    table = manifest.table.copy()
    missing: list[str] = []
    for column in ("image", "reference"):
        if column == "image" != needed:
            table[column] = f"{folder.root}{os.sep}" + table[column]
        elif column in table:
            found = {name: folder.find(name) for name in table[column].dropna().unique()}
            missing += [name for name, path in found.items() if path is None]
            places = {name: str(path or folder.root / name) for name, path in found.items()}
            table[column] = table[column].map(places)
    is_there = ~manifest.table[needed].isin(missing)
    if not is_there.any():
        raise DatabaseLayoutError(
            f"{folder.root} holds none of the {manifest.table[needed].nunique()} pictures of its label files: looked for "
            f"{missing[0]!r} and so on; it holds {folder.contents()}"
        )
    return ReaderResult(replace(manifest, table=table[is_there].reset_index(drop=True), path=None), missing)


def prepare(
    name: str,
    root: str | os.PathLike[str],
    options: Mapping[str, str] | None = None,
    *,
    verify_pictures: bool = False,
    progress: Progress | None = None,
) -> ReaderResult:
    """The manifest of a database in its official folder layout.

    Args:
        name: a name of `READERS`.
        root: the database's folder (for "csv" also the file itself).
        options: the reader's options; see its `choices`.
        verify_pictures: decode every picture fully, and leave out and list those that cannot be.
        progress: called with (pictures verified, pictures in all).

    Raises:
        UnknownName: no reader has that name, or the reader no such option.
        DatabaseLayoutError: the folder is something else; the text says what was looked for and what is there.
        ManifestError: the label files hold what cannot be.
    """
    result = READERS.get(name).value(**(options or {})).read(Path(root))
    if not verify_pictures:
        return result
    from tfiqa.databases.picture_check import check_pictures  # Pillow is needed only here

    manifest = result.manifest
    checks = check_pictures(manifest.picture_paths(), progress=progress)
    good = [check.ok for check in checks]
    manifest = replace(manifest, table=manifest.table[good].reset_index(drop=True))
    return replace(result, manifest=manifest, unreadable=[check.error for check in checks if check.error])
