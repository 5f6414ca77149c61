"""What happens at the end of an epoch: validate, log, keep the state."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pandas as pd
from keras import ops
from numpy.typing import NDArray
from tqdm import tqdm

from tfiqa.databases.box_rows import box_rows
from tfiqa.errors import TrainingDiverged
from tfiqa.evaluation.correlation import plcc, srcc
from tfiqa.evaluation.tasks import Task
from tfiqa.evaluation.within_groups import tasks_within
from tfiqa.models.quality_model import QualityModel
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.training.checkpoint import RunState, save_checkpoint
from tfiqa.training.held_out import Predict
from tfiqa.training.run_folder import RunFolder, write_csv

Say = Callable[[str], None]


def write_log(folder: RunFolder, state: RunState) -> None:
    """Writes `metrics.csv`."""
    write_csv(folder.log, pd.DataFrame(state.history))


class PictureValidation(keras.callbacks.Callback):
    """Adds `val_srcc` and `val_plcc`, over the whole set that chooses the epoch by the picture-level protocol, to each epoch's
    logs; of a model with several tasks their means, and `val_srcc_<output>` of each. In a mean over several an undefined
    coefficient, which is that of constant predictions, counts 0: no agreement. That of a single task stays undefined. A model
    that learns boxes adds `val_srcc_boxes`, over all boxes of all pictures.

    Args:
        predict: what the model that is trained says of each picture.
        pictures: the set that chooses the epoch.
        tasks: what the model is judged by.
        databases: of each picture, where scores of different ones do not compare: then the coefficients are averages over
            databases, weighted by pictures, and `val_srcc_<database>` of each is added.
        within: the column of groups in which alone scores compare: then SRCC is the mean over the groups (`within_groups`).
    """

    def __init__(
        self,
        predict: Predict,
        pictures: LabelledPictures,
        tasks: Sequence[Task],
        databases: pd.Series[str] | None = None,
        within: str | None = None,
    ) -> None:
        super().__init__()
        self.predict, self.pictures, self.tasks, self.within = predict, pictures, tasks, within
        self.databases = None if databases is None else databases.to_numpy()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Scores the validation pictures. Raises TrainingDiverged when a score is not finite."""
        predictions: dict[str, list[float]] = {task.output: [] for task in self.tasks}
        of_boxes: list[NDArray[np.float32]] = []
        for outputs in self.predict(self.pictures):
            for name, values in predictions.items():
                values.append(float(outputs[name][0]))
            if "box_quality" in outputs:
                of_boxes.append(outputs["box_quality"])
        _check_finite(epoch, "a validation prediction", *(value for values in predictions.values() for value in values))
        if logs is None:
            return
        pairs = {
            task.output: (
                task.prediction_scale.oriented(predictions[task.output]),
                task.score_scale.oriented(self.pictures.manifest.table[task.column]),
            )
            for task in self.tasks
        }
        if self.databases is not None:
            (pair,) = pairs.values()
            logs.update(_by_database(*pair, self.databases))
        else:
            srccs = {name: srcc(*pair) for name, pair in pairs.items()}
            logs.update(_by_task(srccs, _mean(list(srccs.values()))))
            logs["val_plcc"] = _mean([plcc(*pair) for pair in pairs.values()])
            if of_boxes:
                scores = np.concatenate(box_rows(self.pictures.manifest)[1])
                logs["val_srcc_boxes"] = srcc(np.concatenate(of_boxes), scores)
        if self.within is not None:
            found = tasks_within(pd.DataFrame(predictions), self.pictures.manifest.table, self.tasks, self.within)
            srccs = {name: each.srcc for name, each in found.outputs.items()}
            logs.update(_by_task(srccs, found.srcc))


def _by_task(coefficients: dict[str, float], mean: float) -> dict[str, float]:
    """The mean SRCC of the tasks, and where there are several that of each."""
    several = {f"val_srcc_{name}": value for name, value in coefficients.items()} if len(coefficients) > 1 else {}
    return {"val_srcc": mean, **several}


def _mean(coefficients: list[float]) -> float:
    return float(np.mean(np.nan_to_num(coefficients))) if len(coefficients) > 1 else coefficients[0]


def _by_database(
    predictions: NDArray[np.float64], scores: NDArray[np.float64], databases: NDArray[np.object_]
) -> dict[str, float]:
    """The logs of `PictureValidation` for several databases."""
    names = [name for name in dict.fromkeys(databases) if len(set(scores[databases == name])) > 1]
    weights = [int((databases == name).sum()) for name in names]
    logs = {}
    for key, coefficient in (("val_srcc", srcc), ("val_plcc", plcc)):
        values = [coefficient(predictions[databases == name], scores[databases == name]) for name in names]
        logs[key] = float(np.average(np.nan_to_num(values), weights=weights)) if names else math.nan
        if key == "val_srcc":
            logs.update({f"val_srcc_{name}": value for name, value in zip(names, values, strict=True)})
    return logs


class EpochRecorder(keras.callbacks.Callback):
    """Keeps the run's state: `metrics.csv`, the best epoch by `val_srcc`, a checkpoint of the run's model, whose layers are
    trained perhaps under another `keras.Model`. Runs after `PictureValidation`."""

    def __init__(self, folder: RunFolder, state: RunState, keep: int, say: Say, quality_model: QualityModel) -> None:
        super().__init__()
        self.folder, self.state, self.keep, self.say = folder, state, keep, say
        self.quality_model = quality_model

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Starts the clock."""
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Records the epoch (counted from 0). Raises TrainingDiverged when its loss or a weight is not finite."""
        seconds = time.perf_counter() - self.started
        values = {name: float(value) for name, value in (logs or {}).items()}
        _check_finite(epoch, "the loss", *(value for name, value in values.items() if "loss" in name))
        _check_finite(epoch, "a weight", *(float(ops.sum(weight)) for weight in self.quality_model.weights))
        state = self.state
        state.epochs_done = epoch + 1
        # JSON has no NaN; a validation set predicted as one constant has no rank correlation.
        row = {"epoch": epoch + 1, **{name: value if value == value else None for name, value in values.items()}}
        state.history.append(row)
        score = row.get("val_srcc")
        if score is not None and (state.best_srcc is None or score > state.best_srcc):
            state.best_epoch, state.best_srcc = epoch + 1, score
        save_checkpoint(self.folder, state, self.quality_model, self.model.optimizer)
        newest = self.folder.checkpoint_epochs()[-self.keep :]
        self.folder.keep_checkpoints({*newest, state.best_epoch})
        write_log(self.folder, state)
        figures = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        self.say(f"epoch {epoch + 1}  {figures}  ({seconds:.0f} s)")


def _check_finite(epoch: int, what: str, *values: float) -> None:
    if not all(map(math.isfinite, values)):
        raise TrainingDiverged(
            f"training diverged in epoch {epoch + 1}: {what} is not finite; lower training.learning_rate"
        )


class ProgressBar(keras.callbacks.Callback):
    """A bar over the steps of each epoch on standard error; nothing where that is no terminal."""

    def __init__(self, steps: int, epochs: int) -> None:
        super().__init__()
        self.steps, self.epochs = steps, epochs

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Opens the bar."""
        self.bar = tqdm(
            total=self.steps,
            desc=f"epoch {epoch + 1}/{self.epochs}",
            leave=False,
            disable=not sys.stderr.isatty(),
            unit="step",
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Moves the bar."""
        self.bar.update()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Closes the bar."""
        self.bar.close()
