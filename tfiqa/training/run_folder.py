"""What a run leaves on disk, and where."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from tfiqa.errors import InvalidInput, StorageError
from tfiqa.files import storage_errors, whole_file, whole_folder, write_text
from tfiqa.training.recipe_files import AnyRecipe, read_recipe, recipe_text

VERSIONED = ("tfiqa", "tensorflow", "keras", "numpy", "pillow", "pandas", "scipy")


@dataclass(frozen=True)
class RunFolder:
    """A run on disk: `recipe.yaml`, `data.json`, `versions.json`, `manifest.csv` (with the split), `pictures.csv`,
    `skipped.csv`, `equalization.json`, `scenes.json`, `metrics.csv` (a row an epoch), `tensorboard/`, `checkpoints/`, and at the
    end `model.keras`, `predictions_*.csv`, perhaps `boxes_*.csv`, `metrics.json`.
    """

    root: Path

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.root / "recipe.yaml"

    @property
    def data(self) -> Path:
        """Where the data came from, its counts and fingerprint."""
        return self.root / "data.json"

    @property
    def manifest(self) -> Path:
        """The pictures used, with their split."""
        return self.root / "manifest.csv"

    @property
    def pictures(self) -> Path:
        """What the check of the pictures found."""
        return self.root / "pictures.csv"

    @property
    def equalization(self) -> Path:
        """The histogram equalisation of the targets; absent when they are taken as they are."""
        return self.root / "equalization.json"

    @property
    def scenes(self) -> Path:
        """The types of scenes, where clustering gave them."""
        return self.root / "scenes.json"

    @property
    def skipped(self) -> Path:
        """Pictures left out, with the reason; absent when there are none."""
        return self.root / "skipped.csv"

    @property
    def log(self) -> Path:
        """One row an epoch."""
        return self.root / "metrics.csv"

    @property
    def tensorboard(self) -> Path:
        """Event files."""
        return self.root / "tensorboard"

    @property
    def checkpoints(self) -> Path:
        """One folder for each of the newest epochs and the best."""
        return self.root / "checkpoints"

    @property
    def model(self) -> Path:
        """The chosen model."""
        return self.root / "model.keras"

    @property
    def metrics(self) -> Path:
        """The final figures; its presence says that the run is complete."""
        return self.root / "metrics.json"

    def predictions(self, split: str) -> Path:
        """Per-picture scores of one split."""
        return self.root / f"predictions_{split}.csv"

    def box_predictions(self, split: str) -> Path:
        """Scores of the boxes of one split, of a model that learns them."""
        return self.root / f"boxes_{split}.csv"

    def check_free(self) -> None:
        """Raises StorageError unless the folder is new or empty."""
        with storage_errors(self.root):
            if self.root.exists() and any(self.root.iterdir()):
                raise StorageError(f"{self.root} is not empty; choose another --output, or --resume the run in it")

    def check_resumable(self, recipe: AnyRecipe) -> None:
        """Raises InvalidInput unless the folder holds an unfinished run of the same recipe. Clears what a kill left behind."""
        self.check_recipe(recipe)
        if self.metrics.exists():
            raise InvalidInput(f"{self.root} is complete; there is nothing to resume")
        for half_written in self.checkpoints.glob(".epoch_*"):
            shutil.rmtree(half_written, ignore_errors=True)

    def check_recipe(self, recipe: AnyRecipe) -> None:
        """Raises InvalidInput unless the folder holds a run of the same recipe."""
        if not self.recipe.is_file():
            raise InvalidInput(f"nothing to resume: {self.root} holds no recipe.yaml")
        different = _differences(read_recipe(self.recipe).to_dict(), recipe.to_dict())
        if different:
            raise InvalidInput(f"{self.root} was started with another recipe: {'; '.join(different[:3])}")

    def start(self, recipe: AnyRecipe) -> None:
        """Makes the folder and writes the recipe and the versions."""
        with storage_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        write_text(self.recipe, recipe_text(recipe))
        write_json(self.root / "versions.json", versions())

    def save_model(self, model: Any) -> None:
        """Writes `model.keras`."""
        with whole_file(self.model) as temporary:
            model.save(temporary)

    def checkpoint_epochs(self) -> list[int]:
        """Completed epochs that have a checkpoint, ascending."""
        names = (path.name for path in self.checkpoints.glob("epoch_*") if path.is_dir())
        return sorted(int(name.removeprefix("epoch_")) for name in names if name.removeprefix("epoch_").isdigit())

    def checkpoint(self, epochs_done: int) -> Path:
        """The folder of the checkpoint after that many epochs."""
        return self.checkpoints / f"epoch_{epochs_done:04d}"

    def new_checkpoint(self, epochs_done: int) -> Any:
        """A context that yields the checkpoint's temporary folder; it takes its name when the block ends well."""
        return whole_folder(self.checkpoint(epochs_done))

    def keep_checkpoints(self, epochs: set[int]) -> None:
        """Removes all other checkpoints."""
        for epoch in self.checkpoint_epochs():
            if epoch not in epochs:
                shutil.rmtree(self.checkpoint(epoch), ignore_errors=True)


def write_json(path: Path, values: Any) -> None:
    """Writes indented JSON whole or not at all."""
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_csv(path: Path, table: pd.DataFrame) -> None:
    """Writes a CSV whole or not at all; floats keep all their digits."""
    with whole_file(path) as temporary:
        table.to_csv(temporary, index=False)


def versions() -> dict[str, str]:
    """The software that made a run."""
    import keras

    found = {name: metadata.version(name) for name in VERSIONED}
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "keras_backend": keras.backend.backend(),
        **found,
    }


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key in {**old, **new}:
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found += _differences(before, after, f"{prefix}{key}.")
        elif before != after:
            found.append(f"{prefix}{key} was {before!r}, now {after!r}")
    return found
