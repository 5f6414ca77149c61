"""A run from the manifest to the finished folder, begun or resumed."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.reader import Progress
from tfiqa.features.plan import refuse_odd_names, shard_names
from tfiqa.features.runners.runner import Runner
from tfiqa.features.shard_job import ShardJob
from tfiqa.features.weak_labels.finish import Finished, finish
from tfiqa.features.weak_labels.plan import KIND, divide
from tfiqa.features.weak_labels.reading import read_task
from tfiqa.features.weak_labels.settings import Settings
from tfiqa.features.weak_labels.shard_work import PARTS, LabelWork
from tfiqa.features.weak_labels.table import Columns
from tfiqa.features.weak_labels.worker import label_shard
from tfiqa.features.worker_start import start_worker


class WeakLabelJob:
    """Labels what a manifest lists, into a packed folder (see the package).

    Args:
        manifest: of pristine pictures, or of distorted ones with their references; see `reading.read_task`.
        folder: to write.
        settings: how pictures are distorted and measured.
        shard_pictures: about so many in a shard; see `plan.divide`.

    Raises:
        InvalidInput, ManifestError: the manifest or the settings cannot be used.
    """

    def __init__(
        self,
        manifest: Manifest,
        folder: str | os.PathLike[str],
        settings: Settings,
        *,
        shard_pictures: int | None = None,
    ) -> None:
        self.folder = Path(os.path.abspath(folder))
        self._task = read_task(manifest, settings)
        refuse_odd_names([str(self.folder), *(reference.key for reference in self._task.references)])
        self._plan, shards = divide(self._task, manifest.path.name if manifest.path else None, shard_pictures)
        columns = Columns.of(self._task, settings.measures)
        self.works: list[LabelWork] = []
        row = 0
        for number, file in enumerate(shard_names(manifest, len(shards), "labels")):
            references = tuple(shards[number])
            work = LabelWork(str(self.folder), number, file, row, references, self._task.settings, columns)
            self.works.append(work)
            row += len(work)

    @property
    def summary(self) -> str:
        """One line: what is done."""
        pictures, shards = self._plan.pictures, self._plan.shards
        return f"{self._task.summary}: {pictures} pictures in {shards} shard{'' if shards == 1 else 's'}"

    def run(
        self,
        runner: Runner,
        *,
        resume: bool = False,
        prepare: Callable[[], None] | None = None,
        progress: Progress | None = None,
    ) -> Finished | None:
        """Does it, or what is left of it; see `ShardJob.run`.

        Args:
            runner: where.
            resume: continue in a folder that an earlier run began with the same manifest and settings.
            prepare: called in each worker process before TensorFlow is imported.
            progress: called with (done, all) pictures at the beginning and after each shard.

        Returns:
            What was made; None where the folder was finished already.

        Raises:
            StorageError: the folder exists (without `resume`), belongs to something else or is being worked on, or the
                system refuses; what is finished stays finished.
            InvalidInput: the folder was begun with another manifest or other settings, or no picture could be labelled.
        """
        job = ShardJob(
            KIND, self.folder, self._plan, self.works, label_shard, PARTS, partial(finish, self._plan, self.works)
        )
        return job.run(runner, resume=resume, initializer=partial(start_worker, prepare), progress=progress)
