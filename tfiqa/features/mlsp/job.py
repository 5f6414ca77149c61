"""A run from the pictures to the finished folder of features, begun or resumed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tfiqa.databases.reader import Progress
from tfiqa.errors import CheckpointError
from tfiqa.features.mlsp.content import MODEL_FILE, RECORD_FEATURES, MlspContent
from tfiqa.features.mlsp.finish import Finished, finish
from tfiqa.features.mlsp.model_file import mlsp_model_info
from tfiqa.features.mlsp.settings import MlspSettings
from tfiqa.features.mlsp.shard_work import PARTS, MlspWork
from tfiqa.features.mlsp.views import VIEWS
from tfiqa.features.mlsp.worker import extract_shard
from tfiqa.features.plan import Kind, Plan, refuse_odd_names, shard_names, shard_size
from tfiqa.features.runners.runner import Runner
from tfiqa.features.shard_job import ShardJob
from tfiqa.features.worker_start import start_gpu_worker, start_worker
from tfiqa.files import whole_file
from tfiqa.pipelines.labelled_pictures import LabelledPictures
from tfiqa.pipelines.records.columns import table_digest
from tfiqa.pipelines.records.schema import schema_of
from tfiqa.pipelines.records.shard_list import file_sha256
from tfiqa.pipelines.records.sources import with_keys

KIND = Kind("tfiqa extract mlsp", "tfiqa mlsp", 1, ("tfiqa", "tensorflow", "keras", "numpy", "pillow"))
# A worker's memory holds a shard: 70 MB of InceptionResNetV2's features in float16.
DEFAULT_SHARD_PICTURES = 256
DEFAULT_SHARD_VIEWS = 2048


class MlspJob:
    """Extracts the features of pictures into a folder (see the package).

    Args:
        pictures: with their rows.
        folder: to write.
        model: a `.keras` file of a model with MLSP features, which the folder gets a copy of.
        settings: how.
        shard_pictures: in a shard; by default 256, with many views fewer, and in small sets as few as it takes for 64 shards,
            but enough for a batch.

    Raises:
        CheckpointError, InvalidInput, ManifestError: the model, its features or the manifest cannot be used.
    """

    def __init__(
        self,
        pictures: LabelledPictures,
        folder: str | os.PathLike[str],
        model: Path,
        settings: MlspSettings,
        *,
        shard_pictures: int | None = None,
    ) -> None:
        self.folder = Path(os.path.abspath(folder))
        self.settings = settings
        self._model = model
        self._scale = pictures.manifest.scale
        info, manifest = mlsp_model_info(model), pictures.manifest
        views = VIEWS[settings.views]
        self.content = MlspContent(
            dtype=settings.dtype,
            views=views,
            body=info.options["body"],
            model=info.model,
            options=info.to_dict()["options"],
            model_sha256=file_sha256(model),
            precision=settings.precision,
        )
        table = with_keys(manifest)
        refuse_odd_names([str(self.folder), *table["image"]])
        most = min(DEFAULT_SHARD_PICTURES, DEFAULT_SHARD_VIEWS // len(views))
        wanted = shard_size(shard_pictures, len(table), most=most, fewest=min(settings.batch, most))
        starts = range(0, len(table), wanted)
        self.plan = Plan(
            settings={**settings.to_dict(), "model_sha256": self.content.model_sha256},
            manifest_sha256=table_digest(table, manifest.scale),
            manifest=manifest.path.name if manifest.path else None,
            pictures=len(table),
            shard_pictures=wanted,
            shards=len(starts),
            packages=KIND.versions(),
        )
        features = schema_of(table, RECORD_FEATURES)
        self.works = [
            MlspWork(
                folder=str(self.folder),
                number=number,
                file=file,
                first_row=start,
                sources=pictures.sources[start : start + wanted],
                table=table.iloc[start : start + wanted].reset_index(drop=True),
                features=features,
                content=self.content,
                settings=settings,
            )
            for number, (start, file) in enumerate(zip(starts, shard_names(manifest, len(starts), "mlsp"), strict=True))
        ]

    @property
    def summary(self) -> str:
        """One line: what is done."""
        views, features = self.content.shape
        many = f" in {views} views" if views > 1 else ""
        shards = f"{self.plan.shards} shard{'' if self.plan.shards == 1 else 's'}"
        return f"{self.plan.pictures} pictures{many}, {features:,} features of {self.content.body}, in {shards}"

    def run(
        self,
        runner: Runner,
        *,
        resume: bool = False,
        prepare: Callable[[], None] | None = None,
        progress: Progress | None = None,
    ) -> Finished | None:
        """Does it, or what is left of it; see `ShardJob.run`.

        Args:
            runner: where.
            resume: continue in a folder that an earlier run began with the same pictures, model and settings.
            prepare: called in each worker process before TensorFlow is imported.
            progress: called with (done, all) pictures at the beginning and after each shard.

        Returns:
            What was made; None where the folder was finished already.

        Raises:
            StorageError: the folder exists (without `resume`), belongs to something else or is being worked on, or the
                system refuses; what is finished stays finished.
            CheckpointError: the model cannot be read.
            InvalidInput: the folder was begun with something else, or no picture could be used.
        """
        finishing = partial(finish, self.plan, self.works, self._scale)
        job = ShardJob(KIND, self.folder, self.plan, self.works, extract_shard, PARTS, finishing, self._copy_model)
        start = start_gpu_worker if self.settings.device == "gpu" else start_worker
        return job.run(runner, resume=resume, initializer=partial(start, prepare), progress=progress)

    def _copy_model(self) -> None:
        copy = self.folder / MODEL_FILE
        if not copy.exists() or file_sha256(copy) != self.content.model_sha256:
            with whole_file(copy) as temporary:
                shutil.copyfile(self._model, temporary)
                if file_sha256(temporary) != self.content.model_sha256:
                    raise CheckpointError(f"{self._model} changed meanwhile")
