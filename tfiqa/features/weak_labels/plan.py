"""The plan of a run: everything that determines its result, on disk before the work begins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from tfiqa.databases.manifest import UNKNOWN_SCALE
from tfiqa.errors import InvalidInput, StorageError
from tfiqa.features.weak_labels.reading import Task
from tfiqa.features.weak_labels.references import Reference
from tfiqa.files import write_text
from tfiqa.pipelines.records.columns import table_digest

PLAN_FILE = "plan.json"
FORMAT = "tfiqa weak labels"
VERSION = 1
DEFAULT_SHARD_PICTURES = 320  # some 100 MB at 512x384
FEWEST_SHARDS = 64  # by default, as far as there are references: so many processors can share the work
PACKAGES = (
    "tfiqa",
    "tensorflow",
    "numpy",
    "scipy",
    "pillow",
    "scikit-image",
)  # whose versions can change pictures or scores


@dataclass(frozen=True)
class Plan:
    """What is done and how it is divided.

    Args:
        settings: as chosen.
        manifest_sha256: of what the manifest says of the pictures. Where they lie does not enter, only how to each other.
        manifest: its file's name, which the shards' names begin with.
        pictures: in all, when nothing fails.
        shard_pictures: about so many in a shard.
        shards: how many.
        packages: versions.
    """

    settings: dict[str, Any]
    manifest_sha256: str
    manifest: str | None
    pictures: int
    shard_pictures: int
    shards: int
    packages: dict[str, str]

    def write(self, folder: Path) -> None:
        """Writes the plan's file."""
        text = json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=1)
        write_text(folder / PLAN_FILE, text + "\n")

    def check(self, folder: Path) -> None:
        """Compares it with the plan in a folder.

        Raises:
            InvalidInput: that is another one; the text names the first difference.
            StorageError: it cannot be read.
        """
        path = folder / PLAN_FILE
        try:
            begun = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror or error}") from error
        except ValueError as error:
            raise InvalidInput(f"{path} is damaged: it is no JSON text") from error
        if not isinstance(begun, dict) or (begun.get("format"), begun.get("version")) != (FORMAT, VERSION):
            raise InvalidInput(f"{path} is no plan of this version of `tfiqa extract weak-labels`")
        theirs = _flat(begun)
        for key, value in _flat(asdict(self)).items():
            if theirs.get(key) != value:
                told = f"{key} {theirs.get(key)}, not {value}" if key != "manifest_sha256" else "another manifest"
                raise InvalidInput(
                    f"{folder} was begun with {told}; resume it as it was begun, or choose another folder"
                )


def divide(task: Task, manifest: str | None, shard_pictures: int | None) -> tuple[Plan, list[list[Reference]]]:
    """The plan of a task, and the references of each shard: consecutive ones, until they make `shard_pictures`.

    By default these are 320, in small sets as few as it takes for 64 shards.

    Raises:
        InvalidInput: fewer than one picture a shard.
    """
    if shard_pictures is not None and shard_pictures < 1:
        raise InvalidInput(f"the pictures of a shard are counted from 1. Received: {shard_pictures}")
    wanted = shard_pictures or max(1, min(DEFAULT_SHARD_PICTURES, len(task) // FEWEST_SHARDS))
    shards: list[list[Reference]] = []
    room = 0
    for reference in task.references:
        if room <= 0:
            shards.append([])
            room = wanted
        shards[-1].append(reference)
        room -= len(reference)
    plan = Plan(
        settings=task.settings.to_dict(),
        manifest_sha256=table_digest(task.table, UNKNOWN_SCALE),
        manifest=manifest,
        pictures=len(task),
        shard_pictures=wanted,
        shards=len(shards),
        packages={package: metadata.version(package) for package in PACKAGES},
    )
    return plan, shards


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested dictionaries as one, the inner ones' keys by themselves."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= value if isinstance(value, dict) else {key: value}
    return flat
