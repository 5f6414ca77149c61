"""Finished training runs as a report sees them: what they are of, and which of them may be averaged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfiqa.databases.exif_rows import EXIF_COLUMNS
from tfiqa.databases.manifest import Manifest, read_manifest
from tfiqa.errors import InvalidInput
from tfiqa.models.spaq import DEFAULT_SHARED_STAGES, SpaqSceneOptions
from tfiqa.reports.page import number
from tfiqa.score_scale import ScoreScale
from tfiqa.training.recipe import Recipe
from tfiqa.training.recipe_files import list_recipes, read_recipe
from tfiqa.training.recipe_sections import ModelSection
from tfiqa.training.run_folder import RunFolder

SEEDS = ("split.seed", "training.seed")  # what repeated runs differ in
SPLIT_SETTING = "model.options.split"


@dataclass(frozen=True)
class DataSet:
    """What a run was trained and tested on, however it was split.

    Args:
        databases: the names in the manifest's column `database`; empty without one.
        pictures: in all splits.
        scale: of the scores.
        digest: of the pictures' file names, what the model is trained to say of them, and the EXIF columns that it is fed.
    """

    databases: tuple[str, ...]
    pictures: int
    scale: ScoreScale
    digest: str

    def __str__(self) -> str:
        names = " + ".join(self.databases) or "no database named"
        return f"{names}, {self.pictures:,} pictures, {self.scale}"


@dataclass(frozen=True, eq=False)
class Run:
    """A finished run.

    Args:
        folder: where it is.
        recipe: its settings.
        data: what it saw.
        manifests: where that came from.
        counts: pictures by split.
        split: a digest of which picture is in which split.
        chosen_by: how its epoch was chosen.
        report: the figures on the test pictures, as `EvaluationReport.to_dict` has them, and `scene_accuracy` where known.
    """

    folder: RunFolder
    recipe: Recipe
    data: DataSet
    manifests: tuple[str, ...]
    counts: Mapping[str, int]
    split: str
    chosen_by: str
    report: Mapping[str, Any]

    @property
    def model(self) -> str:
        """The model's registered name."""
        return self.recipe.model.name

    @cached_property
    def changes(self) -> dict[str, Any]:
        """The settings that differ from the bundled recipe of the model, seeds left out, by their dotted keys."""
        bundled = read_recipe(self.model) if self.model in list_recipes() else Recipe(ModelSection(self.model))
        default, ours = _settings(bundled), _settings(self.recipe)
        return {
            key: ours.get(key) for key in {**default, **ours} if ours.get(key) != default.get(key) and key not in SEEDS
        }

    def predictions(self) -> pd.DataFrame:
        """The test pictures' scores and predictions. Raises InvalidInput when their file is gone or damaged."""
        path = self.folder.predictions("test")
        try:
            return pd.read_csv(path)
        except (OSError, ValueError) as error:
            raise InvalidInput(f"cannot read {path}: {error}") from error


@dataclass(frozen=True, eq=False)
class RunGroup:
    """Runs that differ in their seeds alone, so that their figures may be averaged.

    Args:
        runs: at least one.
    """

    runs: tuple[Run, ...]

    @property
    def first(self) -> Run:
        """One of them, whose settings all have."""
        return self.runs[0]

    @property
    def model(self) -> str:
        """The model's registered name."""
        return self.first.model

    @property
    def data(self) -> DataSet:
        """What all of them saw."""
        return self.first.data

    @property
    def splits(self) -> int:
        """How many different splits they have."""
        return len({run.split for run in self.runs})

    def spread(self, figure: str) -> Spread:
        """Mean and deviation of a figure of the test reports; undefined in one run is undefined in all."""
        return Spread.of([run.report.get(figure) for run in self.runs])


@dataclass(frozen=True)
class Spread:
    """A mean over runs with its standard deviation (n - 1; None for one run). NaN where undefined."""

    mean: float | None
    std: float | None

    @classmethod
    def of(cls, values: Sequence[float | None]) -> Spread:
        """That of the values; None counts as undefined."""
        numbers = np.array([np.nan if value is None else value for value in values], np.float64)
        return cls(float(numbers.mean()), float(numbers.std(ddof=1)) if len(numbers) > 1 else None)

    def __str__(self) -> str:
        return number(self.mean) + ("" if self.std is None or np.isnan(self.std) else f" ± {self.std:.4f}")


def read_run(path: Path) -> Run:
    """A finished run folder. Raises InvalidInput when it is none, is unfinished, or has no test pictures."""
    folder = RunFolder(path)
    if not folder.recipe.is_file():
        raise InvalidInput(f"{path} is no run folder: it holds no {folder.recipe.name}")
    if not folder.metrics.is_file():
        raise InvalidInput(
            f"{path} is unfinished: it holds no {folder.metrics.name}; `tfiqa fit --resume` goes on with it"
        )
    metrics, data = read_json(folder.metrics), read_json(folder.data)
    try:
        reports, chosen_by = metrics["reports"], metrics["chosen_by"]
        manifests, counts = data["manifests"], data["pictures"]
    except KeyError as error:
        raise InvalidInput(f"{path}: metrics.json or data.json lacks {error}") from error
    if not isinstance(reports, dict) or not isinstance(reports.get("test", {}), dict):
        raise InvalidInput(f"{path}: metrics.json is damaged")
    if "test" not in reports:
        raise InvalidInput(
            f"{path} has no test pictures; a report is of pictures that neither trained nor chose the model"
        )
    recipe = read_recipe(folder.recipe)
    manifest = read_manifest(folder.manifest, required=("image", "score"))
    inputs = EXIF_COLUMNS if recipe.spec.exif else ()
    return Run(
        folder=folder,
        recipe=recipe,
        data=DataSet(
            database_names(manifest),
            len(manifest.table),
            manifest.scale,
            _digest(manifest, [*recipe.columns()[1:], *inputs]),
        ),
        manifests=tuple(manifests),
        counts=counts,
        split=_digest(manifest, ["split"]),
        chosen_by=chosen_by,
        report=reports["test"],
    )


def read_runs(paths: Iterable[Path]) -> list[Run]:
    """All of them, in order. Raises InvalidInput as `read_run` does, and for a folder given twice."""
    paths = list(paths)
    places = [path.resolve() for path in paths]
    for place, path in enumerate(paths):
        if places[place] in places[:place]:
            raise InvalidInput(f"{path} is given twice; it would count twice in the means")
    return [read_run(path) for path in paths]


def settings_text(settings: Mapping[str, Any]) -> str:
    """Settings as one writes them after `--set`."""
    return ", ".join(f"{key}={_yaml(value)}" for key, value in settings.items())


def group_runs(runs: Iterable[Run]) -> list[RunGroup]:
    """The runs in groups of one model, data set and settings, in the order of their first runs."""
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.model, run.data, settings_text(run.changes)), []).append(run)
    return [RunGroup(tuple(members)) for members in groups.values()]


def database_names(manifest: Manifest) -> tuple[str, ...]:
    """The names in the column `database`; none without it."""
    return tuple(sorted(manifest.table["database"].dropna().unique())) if "database" in manifest.table else ()


def read_json(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file. Raises InvalidInput when there is none."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"cannot read {path}: {error}") from error
    if not isinstance(values, dict):
        raise InvalidInput(f"{path} holds no JSON object")
    return values


def _digest(manifest: Manifest, columns: Sequence[str]) -> str:
    """SHA-256 over the pictures' file names and those of the columns that there are, whatever the order of the rows."""
    table = manifest.table[[column for column in columns if column in manifest.table]]
    names = [Path(image).name for image in manifest.table["image"]]
    rows = sorted(repr((name, *values)) for name, values in zip(names, table.itertuples(index=False), strict=True))
    return hashlib.sha256(repr([*table, *rows]).encode()).hexdigest()


def _yaml(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_yaml, value))}]"
    return "null" if value is None else str(value)


def _settings(recipe: Recipe) -> dict[str, Any]:
    options = recipe.spec.parse_options(recipe.model.name, recipe.model.options)
    settings = _flat(recipe.to_dict() | {"model": {**asdict(recipe.model), "options": asdict(options)}})
    if isinstance(options, SpaqSceneOptions) and options.shared_stages == DEFAULT_SHARED_STAGES:
        settings[SPLIT_SETTING] = None  # however it was told
    return settings


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
