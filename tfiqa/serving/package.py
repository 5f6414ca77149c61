"""`tfiqa export`: a model as a SavedModel in TF Serving's layout."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfiqa.errors import CheckpointError, InvalidInput, StorageError
from tfiqa.files import whole_folder
from tfiqa.models.model_info import ModelInfo
from tfiqa.serving.server.model_folders import MAX_VERSION, version_folders
from tfiqa.serving.server_settings import MAX_BATCH_SIZE

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel

logger = logging.getLogger(__name__)

CARD = Path("assets.extra") / "tfiqa.json"  # TF Serving leaves assets.extra alone


def export_model(
    model: QualityModel,
    output: str | Path,
    version: int | None = None,
    *,
    warm_up: Sequence[int] = (1, 2, 4, 8),
    run: Path | None = None,
) -> Path:
    """Writes `<output>/<version>/`, whole or not at all, and beside it the files to serve it with (`base_folder`).

    Signatures: `serving_default`, `image_bytes` string (N,) (encoded pictures of mixed sizes) to `quality` float (N,), the
    model's other outputs and `error` string (N,), see `each_picture_graph`; `image`, float32 (N, H, W, 3) RGB 0..255 to the
    model's raw outputs; `card`, the model's information; of a model that scores boxes also `boxes`, see `score_boxes_graph`, and
    of one whose weights can do so `map`, see `map_pictures_graph`. A model with EXIF has one more input in the first two, `exif`
    float32 (N, 8): in `serving_default` as `tfiqa data exif` prints it (exif_*), NaN where missing, all NaN for a picture without
    EXIF; in `image` normalised, zero where missing.

    The version's `assets.extra` holds `tfiqa.json`, the model's information: protocol, score scale, columns; `MODEL_CARD.md`, the
    same for people; and requests for warm-up. Files beside the version that somebody has edited are left alone, with a warning.

    Args:
        model: a model that scores pictures.
        output: the model's base folder; its name is the served name.
        version: positive number; by default one above the highest present.
        warm_up: how many pictures the requests hold that a server runs before it serves, at most MAX_BATCH_SIZE: by the batching
            configuration a server refuses larger ones, and would not load the version. Without any there are none.
        run: the folder of the run that trained the model, which the model card tells of.

    Returns:
        The version's folder.

    Raises InvalidInput for a model without scores, a bad version or number of pictures, StorageError when the version exists or
    cannot be written.
    """
    import keras
    import tensorflow as tf

    from tfiqa.serving.base_folder import write_serving_files
    from tfiqa.serving.model_card import MODEL_CARD, model_card
    from tfiqa.serving.signatures import trace_signatures, write_saved_model
    from tfiqa.serving.warm_up_requests import write_warm_up_requests

    if keras.backend.backend() != "tensorflow":
        raise InvalidInput("a SavedModel is exported with KERAS_BACKEND=tensorflow; the .keras file is the same")
    if model.info.scale is None:
        raise InvalidInput(f"{model.info.model} does not score pictures, so there is nothing to serve")
    base = Path(output)
    name = Path(os.path.abspath(base)).name
    present = version_folders(base) if base.is_dir() else {}
    number = version if version is not None else max(present, default=0) + 1
    if not 1 <= number <= MAX_VERSION:
        raise InvalidInput(f"a version is a positive number below 2**63. Received: {number}")
    if not all(1 <= count <= MAX_BATCH_SIZE for count in warm_up):
        raise InvalidInput(
            f"a request for warm-up holds 1 to {MAX_BATCH_SIZE} pictures. Received: {', '.join(map(str, warm_up))}"
        )

    signatures = trace_signatures(model)
    with whole_folder(base / str(number)) as folder:
        try:
            write_saved_model(signatures, folder)
            if warm_up:
                write_warm_up_requests(model, signatures, name, folder, warm_up)
        except tf.errors.OpError as error:  # TensorFlow writes its files itself and reports a full disk this way
            # "{{node}} /temporary/path; No space left on device [Op:SaveV2]": only the system's reason helps.
            reason = error.message.splitlines()[0].rpartition("; ")[2].partition(" [Op:")[0]
            raise StorageError(f"cannot write {base / str(number)}: {reason}") from error
        (folder / CARD).parent.mkdir(exist_ok=True)
        (folder / CARD).write_text(json.dumps(model.info.to_dict(), indent=2) + "\n", encoding="utf-8")
        (folder / MODEL_CARD).write_text(model_card(model.info, signatures, name, number, run), encoding="utf-8")
    for path in write_serving_files(base, name, number, present.keys()):
        logger.warning("%s is left as it is, since it was edited", path)
    return base / str(number)


def read_card(folder: Path) -> ModelInfo:
    """The information in a SavedModel that tfiqa exported. Raises CheckpointError for any other SavedModel."""
    path = folder / CARD
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return ModelInfo.from_dict(values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{folder} is a SavedModel, but not one that `tfiqa export` wrote (no sound {CARD})"
        ) from error
