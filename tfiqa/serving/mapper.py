"""Quality maps by any trained model, whatever its form on disk."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tfiqa.errors import CheckpointError, InvalidInput
from tfiqa.explain.blocks import block_boxes
from tfiqa.explain.quality_map import Mapper, QualityMap, QualityMapper
from tfiqa.serving.error_output import ERROR
from tfiqa.serving.package import read_card
from tfiqa.serving.scorer import find_model


class SavedModelMapper:
    """Maps the quality of pictures with the `map` signature of an exported model.

    Args:
        folder: a version folder.

    Raises InvalidInput for an exported model without that signature, CheckpointError for one that cannot be loaded.
    """

    takes_exif = False  # no model that scores boxes looks at EXIF

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        self.info = read_card(folder)
        try:
            self._loaded = tf.saved_model.load(str(folder))  # kept: its variables die with it
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise CheckpointError(f"{folder} cannot be loaded: {str(error).splitlines()[0][:200]}") from error
        if "map" not in self._loaded.signatures:
            raise InvalidInput(
                f"{folder} has no signature `map`, as exports of {self.info.model} do not have it or an older tfiqa wrote it; "
                "give the .keras file or the run"
            )

    def map(self, picture: NDArray[np.uint8], exif: NDArray[np.float64] | None = None) -> QualityMap:
        """The map of a decoded picture (H, W, 3), as it is shown. Raises InvalidInput for a size that the model does not take."""
        import tensorflow as tf

        png = io.BytesIO()
        Image.fromarray(picture).save(png, "PNG", compress_level=1)
        outputs = self._loaded.signatures["map"](image_bytes=tf.constant([png.getvalue()]))
        if reason := bytes(outputs[ERROR][0].numpy()).decode() if ERROR in outputs else "":
            raise InvalidInput(f"the picture {reason}")
        local = outputs["map"][0].numpy()
        assert self.info.scale is not None  # nothing else is exported
        blocks = block_boxes(*local.shape, *picture.shape[:2])
        return QualityMap(float(outputs["quality"][0]), local, blocks, self.info.scale)


def load_mapper(source: str | Path, grid: str = "20", *, batch_size: int = 32) -> Mapper:
    """Loads a model for quality maps.

    Args:
        source: a `.keras` file, a run folder, an exported model's folder (its highest version) or one version of it.
        grid: text of a grid of blocks, see `parse_grid`; exported models have "20" alone.
        batch_size: of windows in one pass, for models that do not score boxes.

    Raises InvalidInput when there is nothing to load there, or the model has no such map; CheckpointError when it cannot be read.
    """
    path = find_model(Path(source))
    if path.is_dir():
        if grid not in ("20", "20x20"):
            raise InvalidInput(
                f"{path} is an exported model, which maps 20x20 blocks only; for grid {grid} give the .keras file or the run"
            )
        return SavedModelMapper(path)
    from tfiqa.weights.build import read_model

    return QualityMapper(read_model(path), grid, batch_size=batch_size)
