"""What a trained model is worth on the pictures held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.box_rows import box_rows
from tfiqa.evaluation.agreement import Report, agreement, truth_columns
from tfiqa.evaluation.boxes_report import BoxesReport, evaluate_boxes, size_classes
from tfiqa.evaluation.scenes import scene_accuracy
from tfiqa.evaluation.tasks import Task, tasks_of
from tfiqa.evaluation.within_groups import tasks_within
from tfiqa.models.outputs import flat_outputs, labels
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.pipelines.scoring import Outputs
from tfiqa.training.held_out import held_out_predictor
from tfiqa.training.recipe import Recipe
from tfiqa.training.run_folder import RunFolder, write_csv, write_json
from tfiqa.training.training_data import TrainingData

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel
    from tfiqa.training.checkpoint import RunState

CHOSEN_BY = {"validation": "validation SRCC", "test": "test SRCC (optimistic)"}
Say = Callable[[str], None]


def report_held_out(
    recipe: Recipe, data: TrainingData, folder: RunFolder, model: QualityModel, state: RunState, say: Say
) -> dict[str, Report]:
    """Writes the predictions and figures of the held-out splits into the run folder, and gives the reports by split."""
    reports: dict[str, Report] = {}
    more: dict[str, dict[str, Any]] = {"validation": {}, "test": {}}
    resizes = {"validation": recipe.validation.resize, "test": None}
    predictors = {resize: held_out_predictor(model, recipe, resize=resize) for resize in set(resizes.values())}
    for split in ("validation", "test"):
        rows = data.rows(split)
        if len(rows):
            outputs = list(predictors[resizes[split]](rows))
            table = _predictions(outputs, rows, model)
            tasks, scale = tasks_of(model.info, rows.manifest.scale), rows.manifest.scale
            databases = data.databases(rows)
            if databases is not None:
                table.insert(1, "database", databases)
            reports[split] = agreement(table, rows.manifest.table, tasks, scale, databases=databases)
            write_csv(folder.predictions(split), table)
            if recipe.validation.within is not None:
                within = tasks_within(table, rows.manifest.table, tasks, recipe.validation.within)
                more[split]["within"] = within.to_dict()
                say(f"{split}: {within.to_text()}")
            if "scene" in table:
                accuracy = scene_accuracy(table["scene"], rows.manifest.table)
                more[split]["scene_accuracy"] = accuracy
                if accuracy is not None:
                    say(f"{split}: scene accuracy {accuracy:.4f}")
            if recipe.data.boxes:
                of_boxes = _box_predictions(outputs, rows, data.sizes_of(split))
                write_csv(folder.box_predictions(split), of_boxes)
                if len(of_boxes):
                    report = _boxes_report(of_boxes, tasks[0])
                    more[split]["boxes"] = report.to_dict()
                    say(f"{split}, boxes\n{report.to_text()}")
    write_json(
        folder.metrics,
        {
            "chosen_epoch": state.chosen_epoch,
            "chosen_by": CHOSEN_BY[recipe.validation.chosen_on] if state.best_epoch else "being the last epoch",
            "reports": {split: {**report.to_dict(), **more[split]} for split, report in reports.items()},
        },
    )
    return reports


def _predictions(outputs: Sequence[Outputs], pictures: LabelledPictures, model: QualityModel) -> pd.DataFrame:
    """A row a picture: image, what each task predicts (`score`, or `<measure>_target`), and the model's outputs, one column
    each."""
    columns = truth_columns(pictures.manifest.table, tasks_of(model.info, pictures.manifest.scale)).astype(float)
    rows = [{**flat_outputs(each, model.info), **labels(each, model.info)} for each in outputs]
    images = pd.DataFrame({"image": list(map(str, pictures.sources))})
    return pd.concat([images, columns, pd.DataFrame(rows)], axis=1)


def _box_predictions(outputs: Sequence[Outputs], pictures: LabelledPictures, sizes: NDArray[np.int64]) -> pd.DataFrame:
    """A row a box: its picture, place, size in per cent, score and predicted quality."""
    boxes, scores = box_rows(pictures.manifest)
    parts = [
        pd.DataFrame(own, columns=["left", "top", "right", "bottom"]).assign(
            image=str(source), size=size_classes(own, *size), score=own_scores, quality=each["box_quality"]
        )
        for source, size, own, own_scores, each in zip(pictures.sources, sizes, boxes, scores, outputs, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def _boxes_report(table: pd.DataFrame, task: Task) -> BoxesReport:
    return evaluate_boxes(
        table["quality"],
        table["score"],
        table["size"],
        prediction_scale=task.prediction_scale,
        score_scale=task.score_scale,
    )
