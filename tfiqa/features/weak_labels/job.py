"""A run from the manifest to the finished folder, begun or resumed."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.reader import Progress
from tfiqa.errors import InvalidInput, StorageError
from tfiqa.features.runners.runner import Runner
from tfiqa.features.weak_labels.clock import Clock
from tfiqa.features.weak_labels.finish import Finished, finish
from tfiqa.features.weak_labels.plan import PLAN_FILE, divide
from tfiqa.features.weak_labels.reading import read_task
from tfiqa.features.weak_labels.settings import Settings
from tfiqa.features.weak_labels.shards import PARTS_FOLDER, ShardWork, finished_part
from tfiqa.features.weak_labels.table import Columns
from tfiqa.features.weak_labels.worker import label_shard, start_worker
from tfiqa.files import storage_errors
from tfiqa.pipelines.records.shard_list import SHARDS_FILE

LOCK = "lock"  # in the folder of the parts
# What `files.whole_file` leaves behind when its process is killed.
TEMPORARY = re.compile(r"\.[0-9]+\.[0-9a-f]{8}\..+\.(tfrecord|json|parquet|csv)")


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
        for text in (str(self.folder), *(reference.key for reference in self._task.references)):
            try:
                text.encode()
            except UnicodeEncodeError:
                raise InvalidInput(f"a name that is not UTF-8 cannot go into records; rename {text!r}") from None
        self._plan, shards = divide(self._task, manifest.path.name if manifest.path else None, shard_pictures)
        columns = Columns.of(self._task, settings.measures)
        self.works: list[ShardWork] = []
        row = 0
        stem = manifest.path.stem if manifest.path else "labels"
        for number, references in enumerate(shards):
            file = f"{stem}-{number:05}-of-{len(shards):05}.tfrecord"
            work = ShardWork(str(self.folder), number, file, row, tuple(references), self._task.settings, columns)
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
        """Does it, or what is left of it.

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
        if self.folder.exists():
            self._check_folder(resume)
        if _is_finished(self.folder):
            return None
        with _only_run(self.folder, is_new=not resume):
            if (self.folder / PLAN_FILE).exists():
                self._plan.check(self.folder)
            else:
                self._plan.write(self.folder)
            if (self.folder / SHARDS_FILE).exists():  # all that was left to do is to tidy up
                shutil.rmtree(self.folder / PARTS_FOLDER)
                return None
            clock = self._label(runner, prepare, progress)
            finished = finish(self._plan, self.works, clock.seconds)
            shutil.rmtree(self.folder / PARTS_FOLDER)
            return finished

    def _check_folder(self, resume: bool) -> None:
        if not resume:
            raise StorageError(f"{self.folder} exists already; --resume continues it, or choose another name")
        if (self.folder / PLAN_FILE).exists():
            self._plan.check(self.folder)
            return
        with storage_errors(self.folder):
            names = sorted(path.name for path in self.folder.iterdir())
        others = [name for name in names if name != PARTS_FOLDER and not TEMPORARY.fullmatch(name)]
        if others:
            raise StorageError(f"{self.folder} is no folder of `tfiqa extract weak-labels`; it holds {others[0]}")

    def _label(self, runner: Runner, prepare: Callable[[], None] | None, progress: Progress | None) -> Clock:
        """Writes the shards that are not finished."""
        _remove_temporaries(self.folder)
        left = [work for work in self.works if finished_part(work) is None]
        done = len(self._task) - sum(map(len, left))
        clock = Clock()
        try:
            with closing(runner.run(label_shard, left, initializer=partial(start_worker, prepare))) as results:
                if progress:
                    progress(done, len(self._task))
                for work, shard in results:
                    clock.add(shard.seconds)
                    done += len(work)
                    if progress:
                        progress(done, len(self._task))
        finally:
            _remove_temporaries(self.folder)  # of processes that were ended at their work
        return clock


def _is_finished(folder: Path) -> bool:
    return (folder / SHARDS_FILE).exists() and not (folder / PARTS_FOLDER).exists()


@contextmanager
def _only_run(folder: Path, is_new: bool) -> Iterator[None]:
    """Makes the folder, and raises StorageError when another run works on it."""
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=not is_new)
        (folder / PARTS_FOLDER).mkdir(exist_ok=True)
        lock = os.open(folder / PARTS_FOLDER / LOCK, os.O_CREAT | os.O_RDWR)
    try:
        with storage_errors(folder):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StorageError(f"{folder} is being written by another run") from None
        yield
    finally:
        os.close(lock)


def _remove_temporaries(folder: Path) -> None:
    for place in (folder, folder / PARTS_FOLDER):
        for path in place.iterdir():
            if TEMPORARY.fullmatch(path.name):
                path.unlink(missing_ok=True)
