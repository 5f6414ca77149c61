"""What a trained model is worth on the pictures held out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from tfiqa.databases.exif_rows import exif_rows
from tfiqa.errors import PictureError
from tfiqa.evaluation.agreement import Report, agreement, truth_columns
from tfiqa.evaluation.scenes import scene_accuracy
from tfiqa.evaluation.tasks import tasks_of
from tfiqa.models.model_info import model_spec
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.training.recipe import Recipe
from tfiqa.training.run_folder import RunFolder, write_csv, write_json
from tfiqa.training.training_data import TrainingData

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel
    from tfiqa.training.checkpoint import RunState

Say = Callable[[str], None]


def report_held_out(
    recipe: Recipe, data: TrainingData, folder: RunFolder, model: QualityModel, state: RunState, say: Say
) -> dict[str, Report]:
    """Writes the predictions and figures of the held-out splits into the run folder, and gives the reports by split."""
    from tfiqa.pipelines.scoring import PicturePredictor

    predictor = PicturePredictor(model, batch_size=recipe.validation.batch_size, max_pixels=recipe.data.max_pixels)
    reports: dict[str, Report] = {}
    scenes = {}
    for split in ("validation", "test"):
        rows = data.rows(split)
        if len(rows):
            table = _predictions(predictor, rows, model)
            tasks, scale = tasks_of(model.info, rows.manifest.scale), rows.manifest.scale
            databases = data.databases(rows)
            if databases is not None:
                table.insert(1, "database", databases)
            reports[split] = agreement(table, rows.manifest.table, tasks, scale, databases=databases)
            write_csv(folder.predictions(split), table)
            if "scene" in table:
                accuracy = scene_accuracy(table["scene"], rows.manifest.table)
                scenes[split] = {"scene_accuracy": accuracy}
                if accuracy is not None:
                    say(f"{split}: scene accuracy {accuracy:.4f}")
    write_json(
        folder.metrics,
        {
            "chosen_epoch": state.chosen_epoch,
            "chosen_by": "validation SRCC" if state.best_epoch else "being the last epoch",
            "reports": {split: {**report.to_dict(), **scenes.get(split, {})} for split, report in reports.items()},
        },
    )
    return reports


def _predictions(predictor: Any, pictures: LabelledPictures, model: QualityModel) -> pd.DataFrame:
    """A row a picture: image, what each task predicts (`score`, or `<measure>_target`), and the model's outputs, one column
    each."""
    from tfiqa.models.outputs import flat_outputs, labels

    manifest = pictures.manifest
    exif = exif_rows(manifest) if model_spec(model.info.model).exif else None
    columns = truth_columns(manifest.table, tasks_of(model.info, manifest.scale)).astype(float)
    rows: list[dict[str, Any]] = []
    for source, outputs in zip(pictures.sources, predictor.predict_all(pictures.sources, exif), strict=True):
        if isinstance(outputs, PictureError):
            raise outputs  # it was readable when the run began
        known = dict(zip(columns.columns, columns.iloc[len(rows)], strict=True))
        rows.append({"image": str(source), **known, **flat_outputs(outputs, model.info), **labels(outputs, model.info)})
    return pd.DataFrame(rows)
