"""A run that makes a folder of shards, begun or resumed: what all extractions share.

    FOLDER/plan.json       all that determines the result; the first file to be written
    FOLDER/parts/          while it is made: what each finished shard holds
    FOLDER/failures.csv    picture and error, where any failed
    FOLDER/shards.json     the last file of all, but for the removal of parts/

A shard's file appears under its name when it is whole, and after it the part that says so. So whatever kills the work, the next
run does what has no part, and ends with the same bytes.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from tfiqa.databases.reader import Progress
from tfiqa.errors import StorageError
from tfiqa.features.clock import Clock
from tfiqa.features.plan import PLAN_FILE, Kind, Plan
from tfiqa.features.runners.runner import Runner
from tfiqa.features.shards import PARTS_FOLDER, ShardDone, ShardWork, finished_part, is_finished
from tfiqa.files import storage_errors
from tfiqa.pipelines.records.shard_list import SHARDS_FILE

LOCK = "lock"  # in the folder of the parts
# What `files.whole_file` leaves behind when its process is killed.
TEMPORARY = re.compile(r"\.[0-9]+\.[0-9a-f]{8}\..+\.(tfrecord|json|parquet|csv|keras)")
Work = TypeVar("Work", bound=ShardWork)
Finished = TypeVar("Finished")


@dataclass(frozen=True)
class ShardJob(Generic[Work, Finished]):
    """What is to be done.

    Args:
        kind: of its plan.
        folder: to write.
        plan: it.
        works: one a shard.
        function: makes a shard; runs in other processes, perhaps more than once, always with the same bytes.
        parts: of the work, that a clock tells apart.
        finish: writes what belongs beside the shards, `shards.json` last, and may be repeated. It is given the seconds that
            this run's workers took, by part.
        begin: writes what the workers need, after the plan; may be repeated.
    """

    kind: Kind
    folder: Path
    plan: Plan
    works: Sequence[Work]
    function: Callable[[Work], ShardDone]
    parts: Sequence[str]
    finish: Callable[[dict[str, float]], Finished]
    begin: Callable[[], None] | None = None

    def run(
        self,
        runner: Runner,
        *,
        resume: bool = False,
        initializer: Callable[[], None] | None = None,
        progress: Progress | None = None,
    ) -> Finished | None:
        """Does it, or what is left of it.

        Args:
            runner: where.
            resume: continue in a folder that an earlier run began with the same plan.
            initializer: called once in each worker process.
            progress: called with (done, all) pictures at the beginning and after each shard.

        Returns:
            What was made; None where the folder was finished already.

        Raises:
            StorageError: the folder exists (without `resume`), belongs to something else or is being worked on, or the
                system refuses; what is finished stays finished.
            InvalidInput: the folder was begun with another plan. What `begin`, `function` and `finish` raise comes out, too.
        """
        if self.folder.exists():
            self._check_folder(resume)
        if is_finished(self.folder):
            return None
        with _only_run(self.folder, is_new=not resume):
            if (self.folder / PLAN_FILE).exists():
                self.plan.check(self.folder, self.kind)
            else:
                self.plan.write(self.folder, self.kind)
            if (self.folder / SHARDS_FILE).exists():  # all that was left to do is to tidy up
                shutil.rmtree(self.folder / PARTS_FOLDER)
                return None
            if self.begin:
                self.begin()
            clock = self._make_shards(runner, initializer, progress)
            finished = self.finish(clock.seconds)
            shutil.rmtree(self.folder / PARTS_FOLDER)
            return finished

    def _check_folder(self, resume: bool) -> None:
        if not resume:
            raise StorageError(f"{self.folder} exists already; --resume continues it, or choose another name")
        if (self.folder / PLAN_FILE).exists():
            self.plan.check(self.folder, self.kind)
            return
        with storage_errors(self.folder):
            names = sorted(path.name for path in self.folder.iterdir())
        others = [name for name in names if name != PARTS_FOLDER and not TEMPORARY.fullmatch(name)]
        if others:
            raise StorageError(f"{self.folder} is no folder of `{self.kind.command}`; it holds {others[0]}")

    def _make_shards(self, runner: Runner, initializer: Callable[[], None] | None, progress: Progress | None) -> Clock:
        """Writes the shards that are not finished."""
        _remove_temporaries(self.folder)
        left = [work for work in self.works if finished_part(work) is None]
        total = sum(map(len, self.works))
        done = total - sum(map(len, left))
        clock = Clock(self.parts)
        try:
            with closing(runner.run(self.function, left, initializer=initializer)) as results:
                if progress:
                    progress(done, total)
                for work, shard in results:
                    clock.add(shard.seconds)
                    done += len(work)
                    if progress:
                        progress(done, total)
        finally:
            _remove_temporaries(self.folder)  # of processes that were ended at their work
        return clock


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
