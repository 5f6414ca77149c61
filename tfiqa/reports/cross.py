"""Models held against databases that they were not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfiqa.databases.manifest import read_manifest
from tfiqa.errors import InvalidInput
from tfiqa.evaluation.report import EvaluationReport
from tfiqa.reports.runs import database_names
from tfiqa.score_scale import ScoreScale

if TYPE_CHECKING:
    from tfiqa.serving.evaluation import ScorerEvaluation


@dataclass(frozen=True, eq=False)
class CrossResult:
    """One model on one manifest.

    Args:
        source: what was loaded.
        model: its registered name.
        scale: of its predictions, which tells what it was trained on.
        manifest: the manifest's file.
        databases: the names in its column `database`; empty without one.
        rows: which of its rows were used, in words.
        report: the figures.
        evaluation: the whole outcome.
    """

    source: str
    model: str
    scale: ScoreScale
    manifest: str
    databases: tuple[str, ...]
    rows: str
    report: EvaluationReport
    evaluation: ScorerEvaluation


def evaluate_cross(
    pairs: Iterable[tuple[Path, Path]], *, batch_size: int = 32, progress: Callable[[int, int], None] | None = None
) -> list[CrossResult]:
    """Evaluates each pair of a model (as `Scorer.load` takes it) and a manifest with scores.

    Of a manifest with a split, the rows marked `test` are used, else all. Raises TfiqaError subclasses as `Scorer.load`,
    `read_manifest` and `evaluate_scorer` do; the manifests are read before any model runs.
    """
    read = [(source, read_manifest(path, required=("image", "score"))) for source, path in pairs]

    from tfiqa.pipelines.labelled_pictures import LabelledPictures
    from tfiqa.serving.evaluation import evaluate_scorer, select_rows
    from tfiqa.serving.scorer import Scorer

    results = []
    for source, manifest in read:
        rows, chosen = select_rows(LabelledPictures.of(manifest), None)
        scorer = Scorer.load(source, batch_size=batch_size)
        evaluation = evaluate_scorer(scorer, rows, progress=progress)
        if not isinstance(evaluation.report, EvaluationReport):
            raise InvalidInput(f"{source} predicts full-reference measures, not quality")
        results.append(
            CrossResult(
                source=str(source),
                model=scorer.info.model,
                scale=evaluation.report.prediction_scale,
                report=evaluation.report,
                manifest=manifest.name,
                databases=database_names(rows.manifest),
                rows=chosen,
                evaluation=evaluation,
            )
        )
    return results
