"""All splits of a job: the first ones find the setting, the others take it; in processes of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from tfiqa.databases.reader import Progress
from tfiqa.errors import TrainingDiverged
from tfiqa.features.runners.runner import Runner
from tfiqa.training.heads.task import HeadJob, Task, run_task


@dataclass(frozen=True, eq=False)
class Outcome:
    """The heads of a job.

    Args:
        repeats: a row a repeat, the head with the chosen setting, as `task.run_task` writes it.
        tried: a row a head, the others included.
    """

    repeats: pd.DataFrame
    tried: pd.DataFrame


def run_repeats(
    job: HeadJob,
    runner: Runner,
    *,
    start: Callable[[], None] | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Trains what is not finished yet. The figures do not depend on the runner, but for a GPU's.

    Args:
        job: with its data written.
        runner: where.
        start: called first in each worker process, such as `features.worker_start.start_worker`.
        progress: called with (done, all) heads.

    Raises:
        TrainingDiverged: a repeat has no head with a finite loss.
    """
    work = _Work(job, runner, start, progress)
    repeats = range(job.recipe.split.repeats)
    everything = range(len(job.recipe.settings))
    searching = repeats if job.recipe.search.splits == 0 else repeats[: job.recipe.search.splits]
    work.total = len(searching) * len(everything) + len(repeats) - len(searching)
    searched = work.run([(repeat, setting) for repeat in searching for setting in everything])
    losses = searched["validation_loss"].fillna(np.inf).to_numpy(float).reshape(len(searching), len(everything))
    if job.recipe.search.splits > 0:  # one for all
        losses = np.tile(np.median(losses, axis=0), (len(repeats), 1))
    chosen = losses.argmin(axis=1)
    rest = work.run([(repeat, int(chosen[repeat])) for repeat in repeats if repeat not in searching])
    tried = pd.concat([searched, rest], ignore_index=True) if len(rest) else searched
    kept = tried[tried["setting"] == chosen[tried["repeat"]]].reset_index(drop=True)
    diverged = kept.loc[kept["rmse"].isna(), "repeat"]  # other figures are undefined also for constant predictions
    if len(diverged):
        raise TrainingDiverged(
            f"the loss of {len(diverged)} of {len(kept)} repeats (first: {diverged.iloc[0]}) is not finite; "
            "--set learning_rates with smaller ones"
        )
    return Outcome(kept, tried)


class _Work:
    """Heads to be trained, and how many are."""

    def __init__(
        self, job: HeadJob, runner: Runner, start: Callable[[], None] | None, progress: Progress | None
    ) -> None:
        self.job, self.runner, self.start, self.progress = job, runner, start, progress
        self.total = self.done = 0

    def run(self, heads: Sequence[tuple[int, int]]) -> pd.DataFrame:
        """The rows of some heads, (repeat, setting) each, after those that have none yet are trained."""
        left = [head for head in heads if not self.job.figures_file(*head).exists()]
        self._tell(len(heads) - len(left))
        tasks = self._tasks(left)
        if tasks:
            with closing(self.runner.run(partial(run_task, self.job), tasks, initializer=self.start)) as results:
                for task, _ in results:
                    self._tell(len(task.settings))
        return pd.DataFrame([self._row(*head) for head in heads])

    def _tasks(self, heads: Sequence[tuple[int, int]]) -> list[Task]:
        """A task a head; of support vectors, which share their distances, a task a split."""
        if self.job.recipe.head.kind == "network":
            return [Task(repeat, (setting,)) for repeat, setting in heads]
        repeats = dict.fromkeys(repeat for repeat, _ in heads)
        return [Task(each, tuple(setting for repeat, setting in heads if repeat == each)) for each in repeats]

    def _row(self, repeat: int, setting: int) -> dict[str, Any]:
        row = json.loads(self.job.figures_file(repeat, setting).read_text(encoding="utf-8"))
        return {name: np.nan if value is None else value for name, value in row.items()}

    def _tell(self, count: int) -> None:
        self.done += count
        if self.progress:
            self.progress(self.done, self.total)
