"""Table II of DeepFL-IQA's paper: fine-tuning or MLSP features, from generic or from weakly supervised weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfiqa.databases.reader import Progress
from tfiqa.databases.splits import rows_of_split
from tfiqa.databases.validation import SPLITS
from tfiqa.errors import CheckpointError, InvalidInput
from tfiqa.features.mlsp.job import MlspJob
from tfiqa.features.mlsp.model_file import mlsp_model_info
from tfiqa.features.mlsp.settings import MlspSettings
from tfiqa.features.runners.runner import Runner
from tfiqa.features.shards import FAILURES_FILE
from tfiqa.features.worker_start import start_gpu_worker, start_worker
from tfiqa.files import whole_file
from tfiqa.models.input_scaling import SCALING_OF_IMAGENET
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.pipelines.records.columns import table_digest
from tfiqa.pipelines.records.shard_list import file_sha256
from tfiqa.reports.deepfl_paper import TABLE_2
from tfiqa.reports.page import Page, Table, Text, number
from tfiqa.training.heads.run import fit_heads
from tfiqa.training.recipe_files import read_recipe
from tfiqa.training.run_folder import RunFolder, write_json
from tfiqa.training.trainer import fit
from tfiqa.weights.build import build_model

if TYPE_CHECKING:
    from tfiqa.training.heads.recipe import HeadRecipe
    from tfiqa.training.recipe import Recipe

Say = Callable[[str], None]
GENERIC, WEAK = "generic", "weak"
PLAN_FILE = "schemes.json"
SCHEMES = (("finetune", GENERIC), ("finetune", WEAK), ("mlsp", GENERIC), ("mlsp", WEAK))
TITLES = {"finetune": "Fine-tune", "mlsp": "MLSP"}


@dataclass(frozen=True)
class SchemeResult:
    """One row of the table.

    Args:
        way: "finetune" or "mlsp".
        weights: "generic" or "weak".
        splits: how many.
        plcc: median over the splits, after the 5-parameter logistic; NaN where undefined.
        srcc: median over the splits.
    """

    way: str
    weights: str
    splits: int
    plcc: float
    srcc: float


@dataclass(frozen=True)
class Schemes:
    """What the four schemes are run with.

    Args:
        data: the manifest with opinion scores.
        pictures: its rows.
        models: by GENERIC and WEAK the `.keras` file of a `deepfl_mtl`.
        folder: for runs and features; what is finished in it is not done again, what was begun goes on.
        finetunes: how many splits the schemes 1 and 2 are trained on.
        repeats: how many splits the heads of the schemes 3 and 4 are trained on.
        finetune_settings: `key=value` texts for the recipe deepfl_finetune; the model, the split and the seed are not among
            them.
        head_settings: the same for deepfl_head; the split is not among them.
        device: "cpu" or "gpu", for features.

    Raises:
        CheckpointError: the bodies of the two models differ, or one has no MLSP features.
        ManifestError: the manifest's own split has nothing to train on, to choose by or to test on.
    """

    data: Path
    pictures: LabelledPictures
    models: dict[str, Path]
    folder: Path
    finetunes: int
    repeats: int
    finetune_settings: Sequence[str] = ()
    head_settings: Sequence[str] = ()
    device: str = "cpu"

    def __post_init__(self) -> None:
        bodies = {name: mlsp_model_info(path).options["body"] for name, path in self.models.items()}
        if bodies[GENERIC] != bodies[WEAK]:
            raise CheckpointError(
                f"the two models have different bodies: {self.models[GENERIC]} {bodies[GENERIC]}, "
                f"{self.models[WEAK]} {bodies[WEAK]}"
            )
        if self.has_split:
            for name in SPLITS:
                rows_of_split(self.pictures.manifest, name)

    @property
    def has_split(self) -> bool:
        """Whether the manifest has a split of its own, which then is that of every repeat."""
        return "split" in self.pictures.manifest.table

    def head_recipe(self) -> HeadRecipe:
        """Of the schemes 3 and 4. The first splits are those of the schemes 1 and 2."""
        own = str(self.has_split).lower()
        settings = [*self.head_settings, f"split.repeats={self.repeats}", f"split.from_manifest={own}", "split.seed=1"]
        recipe: HeadRecipe = read_recipe("deepfl_head", settings)
        return recipe

    def finetune_recipe(self, weights: str, repeat: int) -> Recipe:
        """Of one fine-tuning of the schemes 1 and 2."""
        model = self.models[weights]
        options = mlsp_model_info(model).options
        shares = self.head_recipe().split.fractions()
        settings = [
            f"model.weights={json.dumps(str(model.resolve()))}",
            f"model.options={json.dumps({name: options[name] for name in ('body', 'scaling')})}",
            f"split={json.dumps({**shares, 'seed': 1 + repeat})}",
            f"training.seed={1 + repeat}",
        ]
        recipe: Recipe = read_recipe("deepfl_finetune", [*self.finetune_settings, *settings])
        return recipe

    def finetune(self, weights: str, repeat: int, say: Say, progress: Progress | None) -> tuple[float, float]:
        """PLCC and SRCC of one fine-tuning."""
        recipe = self.finetune_recipe(weights, repeat)
        run = RunFolder(self.folder / f"finetune_{weights}_{repeat + 1}")
        if not run.metrics.exists():
            fit(recipe, [self.data], run.root, resume=run.recipe.exists(), say=say, progress=progress)
        report = json.loads(run.metrics.read_text(encoding="utf-8"))["reports"]["test"]
        return _number(report["plcc_logistic5"]), _number(report["srcc"])

    def heads(self, weights: str, runner: Runner, prepare: Callable[[], None], say: Say) -> tuple[float, float]:
        """Median PLCC and SRCC of heads on MLSP features."""
        features = self.folder / f"mlsp_{weights}"
        job = MlspJob(self.pictures, features, self.models[weights], MlspSettings(device=self.device))
        say(job.summary)
        job.run(runner, resume=features.exists(), prepare=prepare)
        if (features / FAILURES_FILE).exists():
            raise InvalidInput(
                f"some pictures have no features, see {features / FAILURES_FILE}; leave them out of {self.data} and take "
                "another --work folder"
            )
        run = RunFolder(self.folder / f"heads_{weights}")
        if not run.metrics.exists():
            start = partial(start_gpu_worker if self.device == "gpu" else start_worker, prepare)
            resume = run.recipe.exists()
            fit_heads(
                self.head_recipe(),
                [features],
                run.root,
                runner,
                resume=resume,
                start=start,
                device=self.device,
                say=say,
            )
        figures = json.loads(run.metrics.read_text(encoding="utf-8"))["figures"]
        return _number(figures["plcc_logistic5"]["median"]), _number(figures["srcc"]["median"])

    def run(
        self,
        runner: Runner,
        prepare: Callable[[], None],
        *,
        say: Say = lambda text: None,
        progress: Progress | None = None,
    ) -> list[SchemeResult]:
        """All four.

        Args:
            runner: where features are computed and heads are trained.
            prepare: called in each worker process before TensorFlow is imported.
            say: told a line at each stage.
            progress: called with (done, all) while pictures are checked.

        Raises:
            InvalidInput: the folder holds what was made of other pictures, models or settings, or pictures have no features.
            TfiqaError: as the parts do.
        """
        self._check_folder()
        results = []
        for way, weights in SCHEMES:
            say(f"{TITLES[way]}, {weights} weights: {self.models[weights]}")
            if way == "finetune":
                each = [self.finetune(weights, repeat, say, progress) for repeat in range(self.finetunes)]
                plcc, srcc = np.median(each, axis=0)
                results.append(SchemeResult(way, weights, self.finetunes, float(plcc), float(srcc)))
            else:
                plcc, srcc = self.heads(weights, runner, prepare, say)
                results.append(SchemeResult(way, weights, self.repeats, plcc, srcc))
        return results

    def _check_folder(self) -> None:
        """Notes what the folder's results depend on, or compares it with what is noted."""
        plan = {
            "manifest": table_digest(self.pictures.manifest.table, self.pictures.manifest.scale),
            **{f"{name} model": file_sha256(path) for name, path in self.models.items()},
            "finetune settings": list(self.finetune_settings),
            "head settings": list(self.head_settings),
            "repeats": self.repeats,
            "device": self.device,
        }
        path = self.folder / PLAN_FILE
        if not path.exists():
            write_json(path, plan)
            return
        begun = json.loads(path.read_text(encoding="utf-8"))
        for name, value in plan.items():
            if begun.get(name) != value:
                raise InvalidInput(f"{self.folder} was begun with another {name}; take another --work folder")


def generic_model(weak: Path, weights: str | None, folder: Path) -> Path:
    """A `deepfl_mtl` with the body of another one, written into a folder unless it is there.

    Args:
        weak: the other one.
        weights: "imagenet", fed as those weights need (`input_scaling.SCALING_OF_IMAGENET`); None for fresh ones, fed as
            `weak` is.
        folder: to write it in.
    """
    import keras

    options = mlsp_model_info(weak).options
    scaling = SCALING_OF_IMAGENET[options["body"]] if weights == "imagenet" else options["scaling"]
    path = folder / f"{weights or 'fresh'}_{options['body']}_{scaling}.keras"
    if path.exists():
        return path
    keras.utils.set_random_seed(1)
    model = build_model("deepfl_mtl", weights=weights, body=options["body"], scaling=scaling)
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        model.save(temporary)
    return path


def schemes_page(schemes: Schemes, results: Sequence[SchemeResult]) -> Page:
    """The table beside the paper's."""
    info = mlsp_model_info(schemes.models[WEAK])
    rows = []
    for place, result in enumerate(results, start=1):
        plcc, srcc = TABLE_2[f"{result.way}_{result.weights}"]
        rows.append(
            [
                f"{place}. {TITLES[result.way]} ({result.weights})",
                f"{result.splits}",
                number(result.plcc),
                number(result.srcc),
                number(plcc, 3),
                number(srcc, 3),
            ]
        )
    page = Page("DeepFL-IQA's four schemes (table II)")
    page.add(
        Text(
            f"`{schemes.data}`: {len(schemes.pictures)} pictures, {schemes.pictures.manifest.scale}; body "
            f"{info.options['body']}. {_splits(schemes)}; PLCC after a 5-parameter logistic. The paper's figures are of "
            "KADID-10k, InceptionResNetV2 and 100 splits; its generic weights are ImageNet's, its weak ones were trained on "
            "KADIS-700k."
        ),
        Table(("scheme", "splits", "PLCC", "SRCC", "paper: PLCC", "paper: SRCC"), rows),
        Table(("weights", "model"), [[weights, f"`{path}`"] for weights, path in schemes.models.items()]),
    )
    return page


def _splits(schemes: Schemes) -> str:
    if schemes.has_split:
        return "Medians over repeats on the manifest's own split, which differ in their seeds"
    shares = (f"{share:.0%}" for share in schemes.head_recipe().split.fractions().values())
    return "Medians over splits into {} to train on, {} to choose the epoch and {} to test on, groups kept together".format(
        *shares
    )


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
