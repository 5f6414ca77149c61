"""`tfiqa fit deepfl_head`: from folders of features to a run folder with figures over many splits and one whole model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tfiqa.databases.reader import Progress
from tfiqa.errors import InvalidInput
from tfiqa.evaluation.report import evaluate_predictions
from tfiqa.features.runners.runner import Runner
from tfiqa.score_scale import ScoreScale
from tfiqa.training.heads.data import HeadData, head_data, read_features
from tfiqa.training.heads.recipe import HeadRecipe
from tfiqa.training.heads.repeats import Outcome, run_repeats
from tfiqa.training.heads.task import KEPT_REPEAT, HeadJob, Stored
from tfiqa.training.run_folder import RunFolder, versions, write_csv, write_json

WORK_FOLDER = "heads"  # in the run folder, until it is complete
REPEATS_FILE = "repeats.csv"
TRIED_FILE = "tried.csv"
LABELS = {"srcc": "SRCC", "krcc": "KRCC", "plcc": "PLCC", "plcc_logistic5": "PLCC after logistic5", "rmse": "RMSE"}
QUARTILES = {"lower_quartile": 0.25, "median": 0.5, "upper_quartile": 0.75}
Say = Callable[[str], None]


def fit_heads(
    recipe: HeadRecipe,
    sources: Sequence[str | Path],
    output: str | Path,
    runner: Runner,
    *,
    device: str | None = None,
    resume: bool = False,
    start: Callable[[], None] | None = None,
    say: Say = lambda text: None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Trains a head on each of many splits.

    Args:
        recipe: every setting.
        sources: folders of `tfiqa extract mlsp`, of one model and with scores on one scale.
        output: the run folder, new or empty; with `resume` one that holds a run of the same recipe and data. It gets
            `repeats.csv` (a row a split), `tried.csv` (a row a head, those of the search included), `metrics.json`; of the
            first split `manifest.csv`, `pictures.csv`, `predictions_test.csv` and, of a network, `model.keras`: the whole
            `deepfl`.
        runner: where the heads are trained. On processors the figures do not depend on it, nor on the number of workers; a
            GPU does not add up in the same order, so its networks and figures differ.
        device: that it trains on, "cpu" or "gpu", for `data.json`; None where it is not known.
        resume: go on, on the same device, with what is not trained yet. The result equals that of an uninterrupted run.
        start: called first in each worker process, such as `features.worker_start.start_worker`.
        say: told one line at each stage.
        progress: called with (done, all) heads.

    Returns:
        What `metrics.json` holds.

    Raises TfiqaError subclasses, one line each, for everything that a user can cause.
    """
    folder = RunFolder(Path(output))
    work = folder.root / WORK_FOLDER
    if resume and folder.metrics.exists() and work.exists():  # killed when all was done but to tidy up
        folder.check_recipe(recipe)
        shutil.rmtree(work, ignore_errors=True)
        say(f"{folder.root} is complete")
        return dict(json.loads(folder.metrics.read_text(encoding="utf-8")))
    if resume:
        folder.check_resumable(recipe)
    else:
        folder.check_free()
    parts = read_features([Path(source) for source in sources])
    data = head_data(recipe, parts)
    if resume:
        _check_same(folder, data, device)
    else:
        folder.start(recipe)
        write_json(folder.root / "versions.json", {**versions(), "scikit-learn": metadata.version("scikit-learn")})
    data.write(folder, device)
    job = HeadJob(recipe, Stored(str(work), data.manifest.scale))
    job.data.write(parts, data.scores, data.splits)
    del parts
    _tell(data, recipe, say)
    outcome = run_repeats(job, runner, start=start, progress=progress)
    metrics = _finish(folder, job, data, outcome)
    shutil.rmtree(work, ignore_errors=True)
    if recipe.head.kind == "network":
        say(f"the model of the first repeat is in {folder.model}")
    return metrics


def metrics_text(metrics: Mapping[str, Any]) -> str:
    """Median and quartiles of what `fit_heads` gives, as a short table for people."""
    lines = [
        f"{metrics['repeats']} repeats on {metrics['pictures']} pictures",
        f"scores: {ScoreScale.from_dict(metrics['score_scale'])}",
        f"chosen: {metrics['chosen_by']}",
        "",
        f"{'test':22}" + "".join(f"{name.replace('_', ' '):>16}" for name in QUARTILES),
    ]
    for name, label in LABELS.items():
        values = metrics["figures"][name]
        lines.append(f"{label:22}" + "".join(f"{_number(values[quartile]):>16}" for quartile in QUARTILES))
    return "\n".join(lines)


def _check_same(folder: RunFolder, data: HeadData, device: str | None) -> None:
    if not folder.data.is_file():
        return  # killed between the recipe and the data: nothing was trained yet
    before = json.loads(folder.data.read_text(encoding="utf-8"))
    if before["fingerprint"] != data.fingerprint:
        raise InvalidInput(f"the features, scores or groups are not those that {folder.root} was started with")
    begun_on = before.get("device")
    if device and begun_on and device != begun_on:
        raise InvalidInput(
            f"{folder.root} was started on a {begun_on}, which a {device} does not equal; resume it there"
        )


def _tell(data: HeadData, recipe: HeadRecipe, say: Say) -> None:
    views = "" if len(data.views) == 1 else f" in {len(data.views)} views"
    say(f"{len(data.manifest)} pictures{views}, {data.features} features; score: {data.manifest.scale}")
    if "split" in data.manifest.table and not recipe.split.from_manifest:
        say("the manifest's own split is not used; --set split.from_manifest=true takes it in every repeat")
    copies = data.copies_across_splits()
    if copies:
        say(f"warning: {copies} files are in several splits of the first repeat under different names")
    if len(data.views) > 1:
        say("the figures are of means over the views; the model of the run scores whole pictures")


def _finish(folder: RunFolder, job: HeadJob, data: HeadData, outcome: Outcome) -> dict[str, Any]:
    """Writes the results, the metrics last."""
    kept = outcome.repeats.iloc[KEPT_REPEAT]
    with np.load(job.kept_file(int(kept["setting"]))) as arrays:
        predictions, *weights = (arrays[name] for name in arrays.files)
    if job.recipe.head.kind == "network":
        from tfiqa.training.heads.whole_model import whole_model

        model = whole_model(data.model[0], weights, job.recipe.head.batch_normalization, data.manifest.scale)
        folder.save_model(model)
    table = data.manifest.table.loc[(data.kept_split() == "test").to_numpy(), ["image", "score"]]
    write_csv(folder.predictions("test"), table.assign(quality=predictions))
    report = evaluate_predictions(
        predictions, table["score"], prediction_scale=data.manifest.scale, score_scale=data.manifest.scale
    )
    write_csv(folder.root / REPEATS_FILE, outcome.repeats.drop(columns=["setting", "others"]))
    write_csv(folder.root / TRIED_FILE, outcome.tried.drop(columns=["others"]))
    metrics = {
        "head": job.recipe.head.kind,
        "repeats": len(outcome.repeats),
        "pictures": len(data.manifest),
        "score_scale": data.manifest.scale.to_dict(),
        "chosen_by": _chosen_by(job.recipe, outcome.repeats),
        "figures": {name: _quartiles(outcome.repeats[name]) for name in LABELS},
        "model": {
            "file": folder.model.name if job.recipe.head.kind == "network" else None,
            "repeat": KEPT_REPEAT,
            "setting": job.recipe.settings[int(kept["setting"])],
            "epoch": None if pd.isna(kept["epoch"]) else int(kept["epoch"]),
            "test": report.to_dict(),
        },
    }
    write_json(folder.metrics, metrics)
    return metrics


def _chosen_by(recipe: HeadRecipe, repeats: pd.DataFrame) -> str:
    if recipe.search.splits == 0:
        return "least validation loss in each repeat by itself"
    setting = recipe.settings[int(repeats["setting"].iloc[0])]
    values = ", ".join(f"{name} {value:g}" for name, value in setting.items())
    searched = min(recipe.search.splits, len(repeats))
    return f"{values}, by the least median validation loss in the first {searched} of the repeats"


def _quartiles(values: pd.Series) -> dict[str, float | None]:
    """None where a repeat has no such figure."""
    if values.isna().any():
        return dict.fromkeys(QUARTILES)
    return {name: float(values.quantile(share)) for name, share in QUARTILES.items()}


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
