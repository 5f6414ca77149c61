"""What the features of a folder are: written into its schema under `mlsp`, for whoever reads it without tfiqa."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tfiqa.errors import DatabaseLayoutError
from tfiqa.features.mlsp.views import VIEWS_MEANING
from tfiqa.models.backbones.mlsp_taps import MLSP_TAPS, MlspTap
from tfiqa.pipelines.records.documents import read_document
from tfiqa.pipelines.records.schema import (
    FORMAT,
    HEIGHT,
    PICTURE_FEATURES,
    SCHEMA_FILE,
    SHA256,
    WIDTH,
    Feature,
)

MLSP = "mlsp"
MODEL_FILE = "model.keras"
RECORD_FEATURES = (
    Feature(MLSP, "bytes", "mlsp"),
    *(feature for feature in PICTURE_FEATURES if feature.name in (FORMAT, WIDTH, HEIGHT)),
    Feature(SHA256, "bytes", "file_sha256"),
    *(feature for feature in PICTURE_FEATURES if feature.kind == "row"),
)
MEANING = (
    "in every record the bytes of an array of views x features, row by row, little-endian (tf.io.decode_raw). A feature is the "
    "mean of one channel of a layer's output (or of its input, where 'taken' is 'before') over the whole view; the layers "
    "stand under 'layers' in the order of their features"
)


@dataclass(frozen=True)
class MlspContent:
    """The features of a folder.

    Args:
        dtype: "float16" or "float32".
        views: their names; see `views`.
        body: of the model.
        model: its name, "deepfl" or "deepfl_mtl".
        options: it was built with.
        model_sha256: of its file.
        precision: "float32" or "bfloat16", that the body computed in.
    """

    dtype: str
    views: tuple[str, ...]
    body: str
    model: str
    options: Mapping[str, Any]
    model_sha256: str
    precision: str

    @property
    def taps(self) -> Sequence[MlspTap]:
        """Where the features are taken, in order."""
        return MLSP_TAPS[self.body]

    @property
    def shape(self) -> tuple[int, int]:
        """(views, features) of a picture."""
        return len(self.views), sum(tap.features for tap in self.taps)

    def to_dict(self) -> dict[str, Any]:
        """For the schema."""
        return {
            "meaning": MEANING,
            "shape": self.shape,
            "views_meaning": VIEWS_MEANING,
            **asdict(self),
            "model_file": MODEL_FILE,
            "layers": [
                {"layer": tap.layer, "features": tap.features, "taken": "before" if tap.before else "after"}
                for tap in self.taps
            ],
        }

    @classmethod
    def read(cls, folder: Path) -> MlspContent:
        """What a folder's schema says. Raises DatabaseLayoutError when it says nothing, or something else."""
        content = read_document(folder / SCHEMA_FILE, _content)
        if content is None:
            raise DatabaseLayoutError(
                f"{folder} is no folder of `tfiqa extract mlsp`: its records hold no MLSP features"
            )
        return content


def _content(document: Mapping[str, Any]) -> MlspContent | None:
    if MLSP not in document:
        return None
    values = document[MLSP]
    content = MlspContent(
        **{name: values[name] for name in MlspContent.__dataclass_fields__} | {"views": tuple(values["views"])}
    )
    if content.to_dict()["layers"] != values["layers"] or list(content.shape) != values["shape"]:
        raise ValueError(f"its features are not those of {content.body} in this tfiqa")
    return content
