"""`Scorer`: any trained model, whatever its form on disk, as a function from picture files to named scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tfiqa.errors import CheckpointError, InvalidInput, PictureError
from tfiqa.images.decode import DEFAULT_MAX_PIXELS
from tfiqa.models import MODELS
from tfiqa.models.model_info import ModelInfo
from tfiqa.models.outputs import column_names, flat_outputs, label_names, labels
from tfiqa.pipelines.records.packed_picture import name_of
from tfiqa.pipelines.scoring import Outputs, PicturePredictor, Source
from tfiqa.serving.saved_model import SavedModelPredictor
from tfiqa.serving.score_rows import are_finite, not_finite, score_row
from tfiqa.serving.server.model_folders import is_saved_model, version_folders
from tfiqa.serving.shipped_model import SHIPPED, shipped_model

LITERT = ".tflite"  # the ending of LiteRT files


class Predictor(Protocol):
    """What runs a model on whole pictures."""

    def predict(self, source: Source) -> Outputs:
        """Outputs of one picture, each (columns,). Raises PictureError."""

    def predict_all(
        self, sources: Iterable[Source], exif: Iterable[np.ndarray] | None = None
    ) -> Iterator[Outputs | PictureError]:
        """Outputs, or the error, of each picture in order; `exif` in place of the pictures' own."""


class Scorer:
    """Scores pictures by a model's own protocol. Made by `Scorer.load`.

    Attributes:
        info: the model's name, options, protocol and score scale.
        columns: names of a score row's numbers, and of its labels.
        source: what was loaded.
    """

    def __init__(self, predictor: Predictor, info: ModelInfo, source: Path) -> None:
        if info.scale is None:
            raise InvalidInput(f"{info.model} does not score pictures")
        self.predictor = predictor
        self.info = info
        self.columns = (*column_names(info), *label_names(info))
        self.source = source

    @classmethod
    def load(
        cls,
        source: str | Path | None = None,
        *,
        batch_size: int = 32,
        max_pixels: int = DEFAULT_MAX_PIXELS,
        workers: int | None = None,
    ) -> Scorer:
        """Loads a model.

        Args:
            source: a `.keras` file, a run folder, an exported model's folder (its highest version) or one version of it, or a
                LiteRT file; by default, and for its name, the model that comes with tfiqa.
            batch_size: patches in one pass through the network (an exported folder has its own).
            max_pixels: larger pictures are refused.
            workers: threads that read and decode; by default one per processor.

        Raises InvalidInput when there is nothing to load there, CheckpointError when it cannot be read.
        """
        path = find_model(shipped_model() if source is None else Path(source))
        if path.is_dir():
            saved = SavedModelPredictor(path, max_pixels=max_pixels, workers=workers)
            return cls(saved, saved.info, path)
        if path.suffix == LITERT:
            from tfiqa.serving.litert import LiteRTPredictor

            lite = LiteRTPredictor(path, batch_size=batch_size, max_pixels=max_pixels, workers=workers)
            return cls(lite, lite.info, path)
        from tfiqa.weights.build import read_model

        model = read_model(path)
        predictor = PicturePredictor(model, batch_size=batch_size, max_pixels=max_pixels, workers=workers)
        return cls(predictor, model.info, path)

    def score(self, picture: Source) -> dict[str, Any]:
        """The scores of one picture (a path, or its encoded bytes): `quality`, and what the model adds.

        An output of several columns is a dictionary by column name. Raises PictureError for a picture that cannot be used, and
        for one whose scores are not finite.
        """
        outputs = self.predictor.predict(picture)
        if not are_finite(self._values(outputs).values()):
            raise not_finite(name_of(picture))
        scores: dict[str, Any] = {}
        for name, columns in self.info.columns.items():
            values = dict(zip(columns, map(float, np.ravel(outputs[name])), strict=True))
            scores[name] = values if len(columns) > 1 else values[columns[0]]
        return {**scores, **labels(outputs, self.info)}

    def rows(self, pictures: Iterable[Source], exif: Iterable[np.ndarray] | None = None) -> Iterator[dict[str, Any]]:
        """One row a picture, in order and as they come: `path`, `self.columns` (None on error), `error` (None when scored).

        `exif` gives each picture's numbers (8,) in place of its own EXIF; models that take none do not look at it.
        """
        sources = list(pictures)
        for source, outputs in zip(sources, self.predictor.predict_all(sources, exif), strict=True):
            yield score_row(name_of(source), outputs, self.columns, self._values)

    def _values(self, outputs: Mapping[str, np.ndarray]) -> dict[str, float | str]:
        return {**flat_outputs(outputs, self.info), **labels(outputs, self.info)}


def find_model(source: Path) -> Path:
    """The `.keras` or LiteRT file or the SavedModel folder that `source` stands for: a path, or the name of the model that comes
    with tfiqa where there is no such path."""
    if source.is_file():
        if source.suffix not in (".keras", LITERT):
            raise CheckpointError(
                f"{source} is no model; a model is a .keras file, a run folder, an exported folder or a {LITERT} file"
            )
        return source
    if is_saved_model(source):
        return source
    if (source / "model.keras").is_file():
        return source / "model.keras"
    if source.is_dir():
        versions = {n: folder for n, folder in version_folders(source).items() if is_saved_model(folder)}
        if versions:
            return versions[max(versions)]
        raise InvalidInput(f"{source} holds no model: no model.keras, no saved_model.pb, no version folder")
    if str(source) == SHIPPED:
        return find_model(shipped_model())
    if str(source) in MODELS:
        raise InvalidInput(
            f"{source} is a model without weights. Give a trained one: a run of `tfiqa fit {source}`, or what "
            f"`tfiqa import-weights {source} FILE --output {source}.keras` wrote"
        )
    raise InvalidInput(f"model not found: {source}")
