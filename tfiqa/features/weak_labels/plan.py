"""How the references of a task are divided into shards."""

from __future__ import annotations

from tfiqa.databases.manifest import UNKNOWN_SCALE
from tfiqa.features.plan import Kind, Plan, shard_size
from tfiqa.features.weak_labels.reading import Task
from tfiqa.features.weak_labels.references import Reference
from tfiqa.pipelines.records.columns import table_digest

DEFAULT_SHARD_PICTURES = 320  # some 100 MB at 512x384
KIND = Kind(
    "tfiqa extract weak-labels",
    "tfiqa weak labels",
    1,
    ("tfiqa", "tensorflow", "numpy", "scipy", "pillow", "scikit-image"),
)


def divide(task: Task, manifest: str | None, shard_pictures: int | None) -> tuple[Plan, list[list[Reference]]]:
    """The plan of a task, and the references of each shard: consecutive ones, until they make `shard_pictures`.

    By default these are 320, in small sets as few as it takes for 64 shards.

    Raises:
        InvalidInput: fewer than one picture a shard.
    """
    wanted = shard_size(shard_pictures, len(task), most=DEFAULT_SHARD_PICTURES)
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
        packages=KIND.versions(),
    )
    return plan, shards
