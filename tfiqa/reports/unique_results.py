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

Progress = Callable[[int, int], None]

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
        found = {name: value for name, value in evaluation.report.values().items() if value is not None}
        if evaluation.calibration is not None:
            found["fidelity"] = evaluation.calibration.fidelity
            found["error"] = evaluation.calibration.error
            if evaluation.calibration.deviation_srcc is not None:
                found["deviation_srcc"] = evaluation.calibration.deviation_srcc
        return found


def databases_of(
    paths: Sequence[Path], split: str | None, progress: Callable[[str], Progress] | None = None
) -> list[Database]:
    """The rows that a report uses of each manifest or packed folder.

    Args:
        paths: manifests and packed folders.
        split: as in `select_rows`.
        progress: told what is done, gives what is called with (done, all) while a packed folder's records are read.

    Raises InvalidInput for a path given twice, and TfiqaError subclasses as `read_labelled_pictures` and `select_rows` do.
    """
    from tfiqa.pipelines.labelled_pictures import read_labelled_pictures
    from tfiqa.serving.evaluation import select_rows

    _refuse_twice(paths)
    found = []
    for path in paths:
        reading = progress(f"reading {path}") if progress and path.is_dir() else None
        pictures, rows = select_rows(read_labelled_pictures(path, required=("image", "score"), progress=reading), split)
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
    progress: Callable[[str], Progress] | None = None,
    tell: Callable[[str], None] | None = None,
) -> list[Result]:
    """Evaluates each model on each database.

    Args:
        models: as `Scorer.load` takes them.
        databases: of `databases_of`.
        folder: where the scores are kept, see `kept_rows`.
        batch_size: patches in one pass.
        progress: told what is scored, gives what is called with (done, all) after each picture.
        tell: as in `kept_rows`.

    Raises InvalidInput for a model given twice or that predicts no quality, and otherwise as `Scorer.load`, `kept_rows` and
    `evaluate_scorer` do.
    """
    from tfiqa.serving.evaluation import evaluate_scorer, exif_of
    from tfiqa.serving.kept_scores import kept_rows
    from tfiqa.serving.scorer import Scorer

    _refuse_twice(models)

    results = []
    for label, path in zip(_distinct([path.stem for path in models], models), models, strict=True):
        scorer = Scorer.load(path, batch_size=batch_size)
        if "quality" not in scorer.info.columns:
            raise InvalidInput(f"{path} predicts no quality")
        evaluations = []
        for database in databases:
            pictures, name = database.pictures, f"{label}_{database.label}"
            rows = kept_rows(
                scorer,
                pictures.sources,
                folder,
                name,
                exif=exif_of(pictures.manifest, scorer),
                progress=progress(name) if progress else None,
                tell=tell,
            )
            evaluations.append(evaluate_scorer(scorer, pictures, scored=rows))
        results.append(Result(label, scorer.info.model, evaluations))
    return results


def _refuse_twice(paths: Sequence[Path]) -> None:
    places = [path.resolve() for path in paths]
    twice = [path for path, place in zip(paths, places, strict=True) if places.count(place) > 1]
    if twice:
        raise InvalidInput(f"{twice[-1]} is given twice")


def _distinct(labels: Sequence[str], paths: Sequence[Path]) -> list[str]:
    """The labels, each that is not alone with its path."""
    counts = Counter(labels)
    return [label if counts[label] == 1 else f"{label} ({path})" for label, path in zip(labels, paths, strict=True)]
