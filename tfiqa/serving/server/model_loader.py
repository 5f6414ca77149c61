"""Loading a version up to the moment when it may serve."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfiqa.serving.server.loaded_model import RUN_TIMEOUT_SECONDS, SERVE_TAG, LoadedModel
from tfiqa.serving.server.metrics import Metrics
from tfiqa.serving.server.warm_up import warm_up


@dataclass(frozen=True)
class ModelLoader:
    """Makes models of version folders.

    Args:
        tags: those of the graph that is loaded.
        run_timeout_seconds: a run that takes longer ends in DEADLINE_EXCEEDED.
        check: refuses a model that it raises StatusError for.
        warm_up: whether the model's warm-up requests are run.
        warm_up_iterations: how often each of them is.
        metrics: the time that they take goes there.
    """

    tags: Collection[str] = (SERVE_TAG,)
    run_timeout_seconds: float = RUN_TIMEOUT_SECONDS
    check: Callable[[LoadedModel], Any] = lambda model: None
    warm_up: bool = True
    warm_up_iterations: int = 1
    metrics: Metrics | None = None

    def __call__(self, folder: Path) -> LoadedModel:
        """The model in a version folder. Raises StatusError when it does not load, or a warm-up request fails."""
        model = LoadedModel(folder, self.run_timeout_seconds, self.tags)
        try:
            self.check(model)
            if self.warm_up:
                warm_up(model, iterations=self.warm_up_iterations, metrics=self.metrics)
        except BaseException:
            model.close()
            raise
        return model
