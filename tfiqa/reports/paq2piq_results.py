"""What `tfiqa report paq2piq` shows: runs with their figures of pictures and of boxes, and their parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfiqa.databases.box_rows import has_boxes
from tfiqa.databases.manifest import read_manifest
from tfiqa.models.model_info import model_spec
from tfiqa.pipelines.labelled_pictures import LabelledPictures, read_labelled_pictures
from tfiqa.reports.paq2piq_paper import SPLITS, paper_name
from tfiqa.reports.runs import Run, read_json

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel

Progress = Callable[[int, int], None]
Figures = tuple[float | None, float | None]  # SRCC and PLCC; None where undefined


@dataclass(frozen=True)
class Parameters:
    """Trainable numbers of a model.

    Args:
        body: convolutions and the like, without batch normalisation.
        scales: scales and offsets of the body's batch normalisation.
        head: the layers that train while the body is frozen.
    """

    body: int
    scales: int
    head: int


@dataclass(frozen=True, eq=False)
class Result:
    """A run.

    Args:
        label: what the page calls it.
        run: the run.
        paper: what the paper calls its model; None for one that the paper does not have.
        pictures: by split the figures of whole pictures.
        boxes: by split and size in per cent the number of boxes and their figures; no split where the manifest has no boxes.
        errors: pictures whose boxes could not be scored.
        parameters: of the model.
    """

    label: str
    run: Run
    paper: str | None
    pictures: Mapping[str, Figures]
    boxes: Mapping[str, Mapping[int, tuple[int, Figures]]]
    errors: Sequence[str]
    parameters: Parameters


def result_of(
    run: Run, label: str, *, batch_size: int = 32, progress: Callable[[str], Progress] | None = None
) -> Result:
    """The figures of a run. Those of boxes are in the run's own report where it learned them; else they are computed, which for a
    model without boxes takes as long as scoring each box as a picture.

    Args:
        run: the run.
        label: what the page calls it.
        batch_size: of models without boxes.
        progress: told what is scored, gives what is called with (done, all) after each picture.

    Raises CheckpointError for the run's model, InvalidInput and ManifestError for its files.
    """
    from tfiqa.serving.box_evaluation import evaluate_box_scores
    from tfiqa.weights.build import read_model

    model = read_model(run.folder.model)
    reports = read_json(run.folder.metrics)["reports"]
    boxes: dict[str, dict[int, tuple[int, Figures]]] = {}
    errors: list[str] = []
    rows = _pictures(run)
    for split in SPLITS:
        if split not in reports:
            continue
        if "boxes" in reports[split]:
            boxes[split] = _by_size(reports[split]["boxes"])
            continue
        own = rows.where((rows.manifest.table["split"] == split).to_numpy())
        if has_boxes(own.manifest):
            told = progress(f"{label}, boxes of {split} pictures") if progress else None
            found = evaluate_box_scores(
                model, own, batch_size=batch_size, max_pixels=run.recipe.data.max_pixels, progress=told
            )
            boxes[split] = _by_size(found.report.to_dict())
            errors += found.errors
    return Result(
        label,
        run,
        paper_name(run.model, model.info.options),
        {split: (reports[split].get("srcc"), reports[split].get("plcc")) for split in SPLITS if split in reports},
        boxes,
        errors,
        parameters_of(model),
    )


def parameters_of(model: QualityModel) -> Parameters:
    """How many numbers training changes."""
    from keras import layers

    head = model_spec(model.info.model).head
    counts = {"body": 0, "scales": 0, "head": 0}
    for layer in model.layers:
        is_scale = isinstance(layer, layers.BatchNormalization)
        part = "head" if layer.name in head else "scales" if is_scale else "body"
        counts[part] += sum(math.prod(weight.shape) for weight in layer.weights if weight.trainable)
    return Parameters(**counts)


def labels_of(paths: Sequence[Path]) -> list[str]:
    """The folders' names, each that is not alone with its path."""
    names = [path.resolve().name for path in paths]
    return [name if names.count(name) == 1 else str(path) for name, path in zip(names, paths, strict=True)]


def _pictures(run: Run) -> LabelledPictures:
    """The run's rows, with pictures from where it had them: files, or packed folders."""
    manifest = read_manifest(run.folder.manifest, required=("image", "score"))
    folders = [Path(source) for source in run.manifests if Path(source).is_dir()]
    packed = {str(each): each for folder in folders for each in read_labelled_pictures(folder).sources}
    return LabelledPictures(manifest, tuple(packed.get(str(path), path) for path in manifest.picture_paths()))


def _by_size(figures: Sequence[Mapping[str, Any]]) -> dict[int, tuple[int, Figures]]:
    return {each["size"]: (each["boxes"], (each["srcc"], each["plcc"])) for each in figures}
