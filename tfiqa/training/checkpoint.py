"""The state of a run after an epoch: weights, optimiser, history. Enough to go on as if nothing had happened."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfiqa.errors import CheckpointError
from tfiqa.training.run_folder import RunFolder, write_json

if TYPE_CHECKING:
    import keras

    from tfiqa.models.quality_model import QualityModel

MODEL, OPTIMIZER, STATE = "model.npz", "optimizer.npz", "state.json"


@dataclass
class RunState:
    """How far a run is.

    Args:
        epochs_done: completed epochs.
        best_epoch: 1-based epoch with the best `val_srcc` so far; 0 while there is none.
        best_srcc: that SRCC; None while there is none.
        history: one row an epoch, as in `metrics.csv`.
    """

    epochs_done: int = 0
    best_epoch: int = 0
    best_srcc: float | None = None
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def chosen_epoch(self) -> int:
        """The epoch whose model is kept: the best, or the last where no pictures choose."""
        return self.best_epoch or self.epochs_done


def save_checkpoint(
    folder: RunFolder, state: RunState, model: QualityModel, optimizer: keras.optimizers.Optimizer
) -> None:
    """Writes the checkpoint of `state.epochs_done`, whole or not at all."""
    with folder.new_checkpoint(state.epochs_done) as path:
        np.savez(path / MODEL, *map(np.asarray, _model_variables(model)))
        np.savez(path / OPTIMIZER, *map(np.asarray, optimizer.variables))
        write_json(path / STATE, asdict(state))


def load_state(folder: RunFolder) -> RunState:
    """The state of the newest checkpoint, or a fresh one when there is none."""
    epochs = folder.checkpoint_epochs()
    if not epochs:
        return RunState()
    path = folder.checkpoint(epochs[-1]) / STATE
    try:
        return RunState(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error


def load_model(folder: RunFolder, epochs_done: int, model: QualityModel) -> None:
    """Puts the weights of a checkpoint into the model."""
    _load(folder.checkpoint(epochs_done) / MODEL, _model_variables(model))


def load_optimizer(folder: RunFolder, epochs_done: int, optimizer: keras.optimizers.Optimizer) -> None:
    """Puts the state of a checkpoint into a built optimiser."""
    _load(folder.checkpoint(epochs_done) / OPTIMIZER, optimizer.variables)


def _model_variables(model: QualityModel) -> list[Any]:
    """The weights, and the states of the random generators (dropout's), which `weights` leaves out."""
    return [*model.weights, *(v for v in model.variables if v.name == "seed_generator_state")]


def _load(path: Path, variables: list[Any]) -> None:
    try:
        with np.load(path) as arrays:
            values = [arrays[name] for name in arrays.files]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    shapes = [value.shape for value in values], [tuple(variable.shape) for variable in variables]
    if shapes[0] != shapes[1]:
        raise CheckpointError(
            f"{path} does not fit this run: {len(values)} variables for {len(variables)}, or of other shapes"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
