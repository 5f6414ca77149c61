"""What `tfiqa report unique` shows: models evaluated on databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tfiqa.errors import InvalidInput
from tfiqa.evaluation.report import EvaluationReport
from tfiqa.reports.runs import database_names
from tfiqa.reports.unique_paper import NAMES

if TYPE_CHECKING:
    from tfiqa.pipelines.labelled_pictures import LabelledPictures
    from tfiqa.serving.evaluation import ScorerEvaluation


@dataclass(frozen=True, eq=False)
class Database:
    """One manifest.

    Args:
        label: what the page calls it.
        name: the reader's name, for the paper's numbers; empty where it is none or several.
        pictures: the rows used.
        rows: which of the manifest's they are, in words.
    """

    label: str
    name: str
    pictures: LabelledPictures
    rows: str


@dataclass(frozen=True, eq=False)
class Result:
    """A model on all databases.

    Args:
        label: what the page calls it.
        model: its registered name.
        evaluations: one for each database, in their order.
    """

    label: str
    model: str
    evaluations: Sequence[ScorerEvaluation]

    def figures(self, place: int) -> dict[str, float]:
        """What there is of a database's figures, by their names in `EvaluationReport.figures` and those of its calibration;
        NaN where undefined."""
        evaluation = self.evaluations[place]
        assert isinstance(evaluation.report, EvaluationReport)  # evaluate_models refuses others
        found = {name: value for name, _, value in evaluation.report.figures() if value is not None}
        if evaluation.calibration is not None:
            found["fidelity"] = evaluation.calibration.fidelity
            found["error"] = evaluation.calibration.error
            if evaluation.calibration.deviation_srcc is not None:
                found["deviation_srcc"] = evaluation.calibration.deviation_srcc
        return found


def databases_of(
    paths: Sequence[Path], split: str | None, progress: Callable[[int, int], None] | None = None
) -> list[Database]:
    """The rows that a report uses of each manifest or packed folder; `split` as in `select_rows`.

    Raises TfiqaError subclasses as `read_labelled_pictures` and `select_rows` do.
    """
    from tfiqa.pipelines.labelled_pictures import read_labelled_pictures
    from tfiqa.serving.evaluation import select_rows

    found = []
    for path in paths:
        pictures, rows = select_rows(
            read_labelled_pictures(path, required=("image", "score"), progress=progress), split
        )
        names = database_names(pictures.manifest)
        name = names[0] if len(names) == 1 else ""
        found.append((NAMES.get(name, name) or path.stem, name, pictures, rows))
    labels = _distinct([each[0] for each in found], paths)
    return [Database(label, *each[1:]) for label, each in zip(labels, found, strict=True)]


def evaluate_models(
    models: Sequence[Path],
    databases: Sequence[Database],
    folder: Path,
    *,
    batch_size: int = 32,
    progress: Callable[[int, int], None] | None = None,
) -> list[Result]:
    """Evaluates each model (as `Scorer.load` takes it) on each database; the scores are kept in the folder, see `kept_rows`.

    Raises InvalidInput for a model that predicts no quality, and otherwise as `Scorer.load` and `evaluate_scorer` do.
    """
    from tfiqa.reports.kept_scores import kept_rows
    from tfiqa.serving.evaluation import evaluate_scorer
    from tfiqa.serving.scorer import Scorer

    results = []
    for label, path in zip(_distinct([path.stem for path in models], models), models, strict=True):
        scorer = Scorer.load(path, batch_size=batch_size)
        if "quality" not in scorer.info.columns:
            raise InvalidInput(f"{path} predicts no quality")
        evaluations = []
        for database in databases:
            name = f"{label}_{database.label}".replace("/", "_").replace(" ", "_")
            rows = kept_rows(scorer, database.pictures, folder, name, progress)
            evaluations.append(evaluate_scorer(scorer, database.pictures, scored=rows))
        results.append(Result(label, scorer.info.model, evaluations))
    return results


def _distinct(labels: Sequence[str], paths: Sequence[Path]) -> list[str]:
    """The labels, each that is not alone with its path."""
    counts = Counter(labels)
    return [label if counts[label] == 1 else f"{label} ({path})" for label, path in zip(labels, paths, strict=True)]
