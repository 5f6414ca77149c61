"""Table VI of DeepFL-IQA's paper: heads trained on one database and tested on others."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfiqa.databases.reader import Progress
from tfiqa.errors import InvalidInput
from tfiqa.features.runners.runner import Runner
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
        name: as in the manifest's column `database`, else the folder's.
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
        start: called first in each worker process, such as `features.worker_start.start_worker`.
        say: told one line a database.
        progress: makes a function of (done, all) heads for each database.

    Raises:
        InvalidInput: two of the databases have one name, or a feature is not finite.
        ManifestError: scores are missing, or the pictures cannot be split as the recipe says.
        TrainingDiverged: a split has no head with a finite loss.
    """
    data = [head_data(recipe, [part]) for part in parts]
    databases = tuple(_database(part) for part in parts)
    twice = [name for name, count in Counter(each.name for each in databases).items() if count > 1]
    if twice:
        raise InvalidInput(f"the database {twice[0]} is given twice")
    with tempfile.TemporaryDirectory(prefix="tfiqa_cross_") as folder:
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


def cross_page(recipe: HeadRecipe, matrix: CrossMatrix) -> Page:
    """The matrix beside the paper's."""
    page = Page("DeepFL-IQA across databases (table VI)")
    page.add(
        Text(
            f"SRCC, the median of {recipe.split.repeats} splits. A head is trained on {recipe.split.train:.0%} of a database, "
            f"chosen on {recipe.split.validation:.0%}, and tested on the rest of it (marked own) and on the whole of each "
            "other database. Positive is agreement, whatever the directions of the scores. The paper's figures are medians of "
            "100 splits, with InceptionResNetV2 trained on KADIS-700k."
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


def _database(part: MlspFeatures) -> Database:
    folder = part.model.parent.resolve()
    names = database_names(scored_manifest(part))
    return Database("+".join(names) or folder.name, len(part.manifest), part.manifest.scale, folder)


def _words(recipe: HeadRecipe, chosen: Sequence[int]) -> str:
    if len(set(chosen)) > 1:
        return "by split"
    return ", ".join(f"{name} {value:g}" for name, value in recipe.settings[chosen[0]].items())
