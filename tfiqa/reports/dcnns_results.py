"""What `tfiqa report dcnns` shows: how well runs rank the pictures of each photographed scene, and tell the types of scenes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.manifest import read_manifest
from tfiqa.databases.scpqd2020 import ASPECTS
from tfiqa.databases.splits import rows_of_split
from tfiqa.databases.table_file import as_text
from tfiqa.errors import InvalidInput
from tfiqa.evaluation.tasks import tasks_of
from tfiqa.evaluation.within_groups import WithinGroups, tasks_within
from tfiqa.models.model_info import info_of, model_spec
from tfiqa.reports.runs import Run, group_runs, settings_text

ASPECT_UNIT = re.compile(rf"SCPQD2020 ({'|'.join(ASPECTS)}) rank")
SCENE = "scene"  # the column of the photographed scenes


@dataclass(frozen=True, eq=False)
class Result:
    """A run.

    Args:
        run: the run.
        aspects: of SCPQD2020, with the agreement within the photographed scenes; none for a run on other scores.
        pictures: a row a test picture: `scene`, the photographed one, with `aspects`; and of a model that tells types of scenes
            `type`, the right one, `right`, the share of the patches that are told so, and `patches`, how many there are.
    """

    run: Run
    aspects: Mapping[str, WithinGroups]
    pictures: pd.DataFrame

    @property
    def settings(self) -> str:
        """What differs from the model's bundled recipe, seeds left out."""
        return settings_text(self.run.changes)

    @property
    def has_types(self) -> bool:
        """Whether the model tells types of scenes."""
        return "right" in self.pictures

    def type_accuracy(self) -> pd.Series[float]:
        """By type the share of all test patches whose type is right; types that no test picture has are absent."""
        return _patch_accuracy(self.pictures, "type")

    def accuracy(self) -> float | None:
        """The share of all test patches whose type is right; None without types."""
        return float(np.average(self.pictures["right"], weights=self.pictures["patches"])) if self.has_types else None

    def scenes(self, aspect: str) -> pd.DataFrame:
        """A row a photographed scene, by its name: `srcc`, and where known `accuracy` and `type`, its pictures' most frequent."""
        table = self.aspects[aspect].table().set_index("group")[["srcc"]]
        if not self.has_types:
            return table
        types = self.pictures.groupby(SCENE)["type"].agg(lambda own: own.mode()[0])
        return table.assign(accuracy=_patch_accuracy(self.pictures, SCENE), type=types)


@dataclass(frozen=True, eq=False)
class Family:
    """The runs of one model with the same settings and number of pictures, for all aspects.

    Args:
        aspects: of each aspect the repetitions, at least one.
    """

    aspects: Mapping[str, tuple[Result, ...]]

    @property
    def run(self) -> Run:
        """One of the runs."""
        return next(iter(self.aspects.values()))[0].run

    @property
    def settings(self) -> str:
        """As each result has them."""
        return settings_text(self.run.changes)

    @property
    def has_types(self) -> bool:
        """Whether the model tells types of scenes."""
        return all(each.has_types for results in self.aspects.values() for each in results)

    def scenes(self) -> pd.DataFrame:
        """A row a photographed scene that any run tested, by its name: `srcc_<aspect>` and where known `accuracy_<aspect>`, means
        over the runs; `srcc` and `accuracy`, the means of these; `runs` of an aspect, at most; `type`, the most frequent."""
        columns = {}
        for aspect, results in self.aspects.items():
            rows = pd.concat([each.scenes(aspect) for each in results]).groupby(level=0)
            columns[f"srcc_{aspect}"], columns[f"runs_{aspect}"] = rows["srcc"].mean(), rows.size()
            if self.has_types:
                columns[f"accuracy_{aspect}"] = rows["accuracy"].mean()
                columns[f"type_{aspect}"] = rows["type"].agg(lambda own: own.mode()[0])
        table = pd.DataFrame(columns)
        table["srcc"] = table.filter(like="srcc_").mean(axis=1)
        table["runs"] = table.filter(like="runs_").max(axis=1).astype(int)
        if self.has_types:
            table["accuracy"] = table.filter(like="accuracy_").mean(axis=1)
            table["type"] = table.filter(like="type_").mode(axis=1)[0].astype(int)
        return table


def result_of(run: Run) -> Result:
    """The figures of a run's test pictures, from its files.

    Raises InvalidInput for files that are damaged or not of one run, ManifestError for SCPQD2020 without the column `scene`.
    """
    options = model_spec(run.model).parse_options(run.model, run.recipe.model.options)
    info = replace(info_of(run.model, options), scale=run.data.scale)
    tasks = {aspect: task for task in tasks_of(info, run.data.scale) if (aspect := _aspect(task.score_scale.unit))}
    required = ("image", SCENE) if tasks else ("image",)
    truth = rows_of_split(read_manifest(run.folder.manifest, required=required), "test").table
    predicted = _predictions(run, truth)
    pictures = pd.DataFrame(index=truth.index)
    aspects = {}
    if tasks:
        pictures[SCENE] = as_text(truth[SCENE])
        found = tasks_within(predicted, truth, list(tasks.values()), SCENE)
        aspects = {aspect: found.outputs[task.output] for aspect, task in tasks.items()}
    return Result(run, aspects, pd.concat([pictures, _types(run, truth, predicted)], axis=1))


def families(results: Iterable[Result]) -> list[Family]:
    """The runs on aspects of SCPQD2020: those that differ in their seeds alone are repetitions of one aspect, and those that
    differ in the aspect besides are one family."""
    by_run = {id(each.run): each for each in results if each.aspects}
    found: dict[tuple[Any, ...], list[dict[str, tuple[Result, ...]]]] = {}
    for group in group_runs(each.run for each in by_run.values()):
        repetitions = tuple(by_run[id(run)] for run in group.runs)
        aspects = repetitions[0].aspects
        key = (group.model, repetitions[0].settings, group.data.databases, group.data.pictures)
        rows = found.setdefault(key, [])
        row = next((row for row in rows if not row.keys() & aspects.keys()), None)
        if row is None:
            rows.append(row := {})
        row.update(dict.fromkeys(aspects, repetitions))
    return [Family({name: row[name] for name in ASPECTS if name in row}) for rows in found.values() for row in rows]


def _aspect(unit: str) -> str | None:
    told = ASPECT_UNIT.fullmatch(unit)
    return told[1] if told else None


def _predictions(run: Run, truth: pd.DataFrame) -> pd.DataFrame:
    """The test pictures' predictions, in the order of the manifest, as training writes them."""
    predicted = run.predictions()
    names = [[Path(str(image)).name for image in table.get("image", ())] for table in (predicted, truth)]
    if names[0] != names[1]:
        raise InvalidInput(
            f"{run.folder.predictions('test')} does not hold the test pictures of {run.folder.manifest}, in their order"
        )
    return predicted


def _types(run: Run, truth: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    """`type`, `right` and `patches` of the test pictures; nothing of a model without types of its own."""
    if run.model != "dcnns" or "scene_logits" not in run.recipe.spec.targets:
        return truth[[]]
    labels = truth[list(run.recipe.spec.targets["scene_logits"])].to_numpy(np.float64)
    votes = predicted[list(run.recipe.spec.columns["scene_votes"])].to_numpy(np.float64)
    types = labels.argmax(axis=1)
    return pd.DataFrame(
        {"type": types, "right": votes[np.arange(len(votes)), types], "patches": _patches(run, len(truth))}
    )


def _patches(run: Run, pictures: int) -> NDArray[np.int64]:
    """How many patches each of so many test pictures has."""
    checks = pd.read_csv(run.folder.pictures)
    sizes = checks[checks["error"].isna() & (checks["split"] == "test")][["height", "width"]].to_numpy(np.int64)
    if len(sizes) != pictures:
        raise InvalidInput(f"{run.folder.pictures} does not hold the test pictures of {run.folder.manifest}")
    protocol = replace(run.recipe.spec.protocol, resize=run.recipe.scoring_resize)
    return np.array([protocol.count(*each) for each in sizes.tolist()], np.int64)


def _patch_accuracy(pictures: pd.DataFrame, by: str) -> pd.Series[float]:
    """The share of right patches in each group of pictures."""
    right = (pictures["right"] * pictures["patches"]).groupby(pictures[by]).sum()
    return right / pictures["patches"].groupby(pictures[by]).sum()
