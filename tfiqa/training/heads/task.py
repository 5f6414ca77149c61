"""What a worker process does: heads of one split, each with its own file of figures, so that a kill loses little."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tfiqa.databases.validation import SPLITS
from tfiqa.errors import InvalidInput
from tfiqa.evaluation.correlation import krcc, plcc, rmse, srcc
from tfiqa.evaluation.mapping import fit_mapping
from tfiqa.files import storage_errors, whole_file, write_text
from tfiqa.score_scale import ScoreScale
from tfiqa.training.heads.head import Features, Head, Values
from tfiqa.training.heads.recipe import HeadRecipe

if TYPE_CHECKING:
    from tfiqa.features.mlsp.load import MlspFeatures
    from tfiqa.training.heads.network import HeadNetwork

FIGURES = ("srcc", "krcc", "plcc", "plcc_logistic5", "rmse")
KEPT_REPEAT = 0  # whose weights and predictions are kept, for the run's model


@dataclass(frozen=True)
class Stored:
    """Features and scores in a folder, which all processes map into their memory instead of having copies.

    Args:
        folder: holds `features.npy` (N, V, F), `scores.npy` float64 (N,), and `splits.npy` uint8 (repeats, N), places in SPLITS.
        scale: of the scores.
    """

    folder: str
    scale: ScoreScale

    @property
    def features(self) -> Features:
        """The features, mapped, read-only."""
        return np.load(self._path("features"), mmap_mode="r")

    @property
    def scores(self) -> Values:
        """The scores."""
        return np.load(self._path("scores"))

    def rows(self, repeat: int) -> dict[str, NDArray[np.intp]]:
        """The rows of each split of a repeat."""
        splits = np.load(self._path("splits"), mmap_mode="r")[repeat]
        return {name: np.flatnonzero(splits == place) for place, name in enumerate(SPLITS)}

    def write(self, parts: Sequence[MlspFeatures], scores: Values, splits: NDArray[np.uint8]) -> None:
        """Makes the folder's files; the features of all parts one after the other. Raises StorageError."""
        shape = (len(scores), *parts[0].features.shape[1:])
        dtype = np.result_type(*(part.features for part in parts))
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        # Written rather than mapped: where a mapped file does not fit on the disk, the process is killed (SIGBUS).
        with whole_file(self._path("features")) as temporary, open(temporary, "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for part in parts:
                file.write(np.ascontiguousarray(part.features, dtype).data)
        with storage_errors(Path(self.folder)):
            np.save(self._path("scores"), scores)
            np.save(self._path("splits"), splits)

    def _path(self, name: str) -> Path:
        return Path(self.folder, f"{name}.npy")


@dataclass(frozen=True)
class HeadJob:
    """What all tasks share.

    Args:
        recipe: every setting.
        data: to train and test on.
        others: other databases, all of whose pictures each head is tested on.
    """

    recipe: HeadRecipe
    data: Stored
    others: tuple[Stored, ...] = ()

    def figures_file(self, repeat: int, setting: int) -> Path:
        """The file of a finished head: a dictionary of what `run_task` says."""
        return self._file(repeat, setting, "json")

    def kept_file(self, setting: int) -> Path:
        """The predictions of the test pictures and the network's weights of KEPT_REPEAT, arrays in this order."""
        return self._file(KEPT_REPEAT, setting, "npz")

    def _file(self, repeat: int, setting: int, ending: str) -> Path:
        return Path(self.data.folder, "fits", f"{repeat:05}-{setting:03}.{ending}")


@dataclass(frozen=True)
class Task:
    """A part of the job.

    Args:
        repeat: which split, from 0.
        settings: places in `HeadRecipe.settings`, tried one after the other.
    """

    repeat: int
    settings: tuple[int, ...]


def run_task(job: HeadJob, task: Task) -> None:
    """Trains and tests the task's heads, and writes a file for each: `repeat`, `setting` (its place), the setting's values,
    `epoch`, `validation_loss`, FIGURES on the test pictures, `others` (SRCC on each other database), `seconds`. What is not
    finite is null."""
    rows, scores = job.data.rows(task.repeat), job.data.scores
    with _one_thread(job):
        head, start = _head(job, task, rows, scores), time.perf_counter()
        for setting in task.settings:
            fit = head.fit(job.recipe.settings[setting])
            is_finite = math.isfinite(fit.validation_loss)
            figures: dict[str, Any] = dict.fromkeys(FIGURES) | {"others": []}
            if is_finite:
                predictions = head.predict(rows["test"])
                figures |= _figures(predictions, scores[rows["test"]])
                for other in job.others:
                    away = head.predict_others(other.features)
                    figures["others"].append(_srcc_elsewhere(away, job.data.scale, other))
                if task.repeat == KEPT_REPEAT:
                    with whole_file(job.kept_file(setting)) as temporary:
                        np.savez(temporary, predictions, *fit.weights)
            end = time.perf_counter()
            written = {
                "repeat": task.repeat,
                "setting": setting,
                **job.recipe.settings[setting],
                "epoch": fit.epoch,
                "validation_loss": fit.validation_loss if is_finite else None,
                **figures,
                "seconds": round(end - start, 3),
            }
            write_text(job.figures_file(task.repeat, setting), json.dumps(written, allow_nan=False) + "\n")
            start = end


def _head(job: HeadJob, task: Task, rows: dict[str, NDArray[np.intp]], scores: Values) -> Head:
    recipe, features = job.recipe, job.data.features
    train, validation = rows["train"], rows["validation"]
    if recipe.head.kind == "svr":
        from tfiqa.training.heads.support_vectors import SupportVectors

        return SupportVectors(features, scores, train, validation)

    from tfiqa.training.heads.network import NetworkHead

    network = _network(features.shape[-1], recipe.head.batch_normalization, recipe.training.batch_size)
    seed = recipe.training.seed + task.repeat
    return NetworkHead(network, features, scores, train, validation, recipe.training.epochs, seed)


@lru_cache(maxsize=1)
def _network(features: int, batch_normalization: bool, batch_size: int) -> HeadNetwork:
    from tfiqa.training.heads.network import HeadNetwork

    return HeadNetwork(features, batch_normalization=batch_normalization, batch_size=batch_size)


def _one_thread(job: HeadJob) -> AbstractContextManager[Any]:
    """Of NumPy's matrix products, which add up in another order with other threads; Keras has threads of its own."""
    if job.recipe.head.kind == "network":
        return nullcontext()
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1)


def _figures(predictions: Values, scores: Values) -> dict[str, float | None]:
    """FIGURES, as `evaluation.report` defines them; None where undefined."""
    if not np.isfinite(predictions).all():
        return dict.fromkeys(FIGURES)
    try:
        mapped = plcc(fit_mapping(predictions, scores, "logistic5")(predictions), scores)
    except InvalidInput:  # too few different predictions
        mapped = math.nan
    figures = {
        "srcc": srcc(predictions, scores),
        "krcc": krcc(predictions, scores),
        "plcc": plcc(predictions, scores),
        "plcc_logistic5": mapped,
        "rmse": rmse(predictions, scores),
    }
    return {name: figures[name] if math.isfinite(figures[name]) else None for name in FIGURES}


def _srcc_elsewhere(predictions: Values, scale: ScoreScale, other: Stored) -> float | None:
    """On another database, whose scores may have the other direction."""
    if not np.isfinite(predictions).all():
        return None
    found = srcc(scale.oriented(predictions), other.scale.oriented(other.scores))
    return found if math.isfinite(found) else None
