"""Table VI of DeepFL-IQA's paper: heads trained on one database and tested on others."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfiqa.databases.reader import Progress
from tfiqa.errors import InvalidInput
from tfiqa.features.runners.runner import Runner
from tfiqa.files import storage_errors
from tfiqa.reports.deepfl_paper import TITLES, table_6
from tfiqa.reports.page import EMPTY, Page, Table, Text, number
from tfiqa.reports.runs import database_names
from tfiqa.score_scale import ScoreScale
from tfiqa.training.heads.data import head_data, scored_manifest
from tfiqa.training.heads.recipe import HeadRecipe
from tfiqa.training.heads.repeats import run_repeats
from tfiqa.training.heads.task import HeadJob, Stored

if TYPE_CHECKING:
    from tfiqa.features.mlsp.load import MlspFeatures

Say = Callable[[str], None]


@dataclass(frozen=True)
class Database:
    """One of the matrix.

    Args:
        name: as in the manifest's column `database`, else as much of the folder's path as tells it from the others.
        pictures: how many.
        scale: of the scores.
        folder: of the features.
    """

    name: str
    pictures: int
    scale: ScoreScale
    folder: Path

    @property
    def title(self) -> str:
        """As the paper calls it."""
        return TITLES.get(self.name, self.name)


@dataclass(frozen=True)
class CrossMatrix:
    """The outcome of `cross_matrix`.

    Args:
        databases: in the order given.
        srcc: by the place of the database trained on and of that tested on, the median over the splits; NaN where a head of a
            split has none. Positive is agreement, whatever the directions of the scores.
        settings: by place of the database trained on, what was chosen, or "by split".
    """

    databases: tuple[Database, ...]
    srcc: tuple[tuple[float, ...], ...]
    settings: tuple[str, ...]


def cross_matrix(
    recipe: HeadRecipe,
    parts: Sequence[MlspFeatures],
    runner: Runner,
    work: Path,
    *,
    start: Callable[[], None] | None = None,
    say: Say = lambda text: None,
    progress: Callable[[], Progress] | None = None,
) -> CrossMatrix:
    """Trains heads on each database, and tests them on its own test pictures and on the whole of each other.

    Args:
        recipe: every setting.
        parts: the databases' features, as `training.heads.data.read_features` gives them.
        runner: where the heads are trained.
        work: a folder, made where it is missing, on a disk with room for all features: they lie in it meanwhile.
        start: called first in each worker process, such as `features.worker_start.start_worker`.
        say: told one line a database, and which of them share pictures.
        progress: makes a function of (done, all) heads for each database.

    Raises:
        InvalidInput: two of the databases have one name, or a feature is not finite.
        ManifestError: scores are missing, or the pictures cannot be split as the recipe says.
        StorageError: the system refuses.
        TrainingDiverged: a split has no head with a finite loss.
    """
    data = [head_data(recipe, [part]) for part in parts]
    databases = tuple(map(_database, parts, _names(parts)))
    twice = [name for name, count in Counter(each.name for each in databases).items() if count > 1]
    if twice:
        raise InvalidInput(f"the database {twice[0]} is given twice")
    for (one, part), (other, second) in combinations(zip(databases, parts, strict=True), 2):
        common = len(set(part.pictures["sha256"]) & set(second.pictures["sha256"]))
        if common:
            say(
                f"warning: {common} files are both in {one.title} and {other.title}; heads trained on one have seen them"
            )
    with _folder_in(work) as folder:
        stored = [Stored(str(Path(folder, str(place))), each.scale) for place, each in enumerate(databases)]
        for store, part, each in zip(stored, parts, data, strict=True):
            store.write([part], each.scores, each.splits)
        srcc, settings = [], []
        for place, database in enumerate(databases):
            say(f"trained on {database.title}, {database.pictures} pictures; score: {database.scale}")
            others = tuple(store for store in stored if store is not stored[place])
            outcome = run_repeats(
                HeadJob(recipe, stored[place], others), runner, start=start, progress=progress() if progress else None
            )
            away = np.array(
                [[np.nan if value is None else value for value in row] for row in outcome.repeats["others"]]
            )
            row = [float(value) for value in np.median(away, axis=0)]
            row.insert(place, float(np.median(outcome.repeats["srcc"])))
            srcc.append(tuple(row))
            settings.append(_words(recipe, outcome.repeats["setting"].tolist()))
    return CrossMatrix(databases, tuple(srcc), tuple(settings))


@contextmanager
def _folder_in(work: Path) -> Iterator[str]:
    with storage_errors(work):
        work.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix=".tfiqa_cross_", dir=work)
    with folder as path:
        yield path


def cross_page(recipe: HeadRecipe, matrix: CrossMatrix) -> Page:
    """The matrix beside the paper's."""
    page = Page("DeepFL-IQA across databases (table VI)")
    page.add(
        Text(
            f"{_splits(recipe)} and on the whole of each other database. Positive is agreement, whatever the directions of the "
            "scores. The paper's figures are medians of 100 splits, with InceptionResNetV2 trained on KADIS-700k."
        ),
        _table(matrix),
        Table(
            ("database", "pictures", "scores", "setting", "features"),
            [
                (each.title, f"{each.pictures:,}", str(each.scale), setting, f"`{each.folder}`")
                for each, setting in zip(matrix.databases, matrix.settings, strict=True)
            ],
        ),
    )
    return page


def _splits(recipe: HeadRecipe) -> str:
    split = recipe.split
    if split.from_manifest:
        return (
            f"SRCC, the median of {split.repeats} heads that differ in the seed of their training. A head is trained on what "
            "a database's manifest marks as train, chosen on its validation pictures, and tested on its test pictures (marked "
            "own)"
        )
    return (
        f"SRCC, the median of {split.repeats} splits. A head is trained on {split.train:.0%} of a database, chosen on "
        f"{split.validation:.0%}, and tested on the other {split.test:.0%} of it (marked own)"
    )


def _table(matrix: CrossMatrix) -> Table:
    columns, rows = ["trained on"], []
    for tested in matrix.databases:
        columns += [tested.title, f"paper: {tested.title}"]
    for trained, values in zip(matrix.databases, matrix.srcc, strict=True):
        row = [trained.title]
        for tested, value in zip(matrix.databases, values, strict=True):
            paper = table_6(trained.name, tested.name)
            row.append(number(value) + (" own" if tested is trained else ""))
            row.append(EMPTY if paper is None else number(paper, 3))
        rows.append(row)
    return Table(columns, rows)


def _database(part: MlspFeatures, name: str) -> Database:
    return Database(name, len(part.manifest), part.manifest.scale, _folder(part))


def _names(parts: Sequence[MlspFeatures]) -> list[str]:
    """Those in the manifests; of the others the last parts of their folders' paths, as few as are all different."""
    own = ["+".join(database_names(scored_manifest(part))) for part in parts]
    depth, deepest = 1, max(len(_folder(part).parts) for part in parts)
    while True:
        names = [name or Path(*_folder(part).parts[-depth:]).as_posix() for name, part in zip(own, parts, strict=True)]
        unnamed = [name for name, named in zip(names, own, strict=True) if not named]
        if depth == deepest or all(names.count(name) == 1 for name in unnamed):
            return names
        depth += 1


def _folder(part: MlspFeatures) -> Path:
    return part.model.parent.resolve()


def _words(recipe: HeadRecipe, chosen: Sequence[int]) -> str:
    if len(set(chosen)) > 1:
        return "by split"
    return ", ".join(f"{name} {value:g}" for name, value in recipe.settings[chosen[0]].items())
