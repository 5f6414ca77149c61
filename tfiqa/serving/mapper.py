"""Quality maps by any trained model, whatever its form on disk."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tfiqa.errors import CheckpointError, InvalidInput
from tfiqa.explain.blocks import block_boxes, parse_grid
from tfiqa.explain.quality_map import Mapper, QualityMap, QualityMapper
from tfiqa.explain.windows import score_windows, size_when_cut
from tfiqa.images.exif_encoding import normalise_exif
from tfiqa.serving.error_output import ERROR
from tfiqa.serving.package import read_card
from tfiqa.serving.scorer import find_model

if TYPE_CHECKING:
    from tfiqa.models.model_info import ModelInfo


class SavedModelMapper:
    """Maps the quality of pictures with the `map` signature of an exported model.

    Args:
        info: of the model.
        saved: the loaded SavedModel.
    """

    takes_exif = False  # no model that scores boxes looks at EXIF

    def __init__(self, info: ModelInfo, saved: Any) -> None:
        self.info = info
        self._saved = saved  # kept: its variables die with it

    def map(self, picture: NDArray[np.uint8], exif: NDArray[np.float64] | None = None) -> QualityMap:
        """The map of a decoded picture (H, W, 3), as it is shown. Raises InvalidInput for a size that the model does not take."""
        outputs = _of_picture(self._saved.signatures["map"], picture)
        local = outputs["map"][0]
        assert self.info.scale is not None  # nothing else is exported
        blocks = block_boxes(*local.shape, *picture.shape[:2])
        return QualityMap(float(outputs["quality"][0]), local, blocks, self.info.scale)


class SavedModelWindowMapper:
    """Maps the quality of pictures with an exported model that scores whole pictures only: a window around each block, see
    `score_windows`.

    Args:
        info: of the model.
        saved: the loaded SavedModel, with the signatures `serving_default` and `image`.
        grid: text of the grid of blocks; see `QualityMapper`.
        batch_size: of windows in one pass.
    """

    def __init__(self, info: ModelInfo, saved: Any, grid: str = "20", *, batch_size: int = 32) -> None:
        self.info, self.grid, self.batch_size = info, parse_grid(grid), batch_size
        self._saved = saved
        self.takes_exif = "exif" in saved.signatures["image"].structured_input_signature[1]

    def map(self, picture: NDArray[np.uint8], exif: NDArray[np.float64] | None = None) -> QualityMap:
        """The map of a decoded picture; arguments and errors as `QualityMapper.map` has them."""
        import tensorflow as tf

        own = {"exif": tf.constant(exif[np.newaxis], tf.float32)} if self.takes_exif and exif is not None else {}
        numbers = normalise_exif(exif).astype(np.float32) if own and exif is not None else None

        def quality_of(patches: NDArray[np.uint8]) -> NDArray[np.float32]:
            repeated = {} if numbers is None else {"exif": tf.tile(numbers[np.newaxis], (len(patches), 1))}
            outputs = self._saved.signatures["image"](image=tf.constant(patches, tf.float32), **repeated)
            found: NDArray[np.float32] = outputs["quality"].numpy()
            return found

        protocol = self.info.protocol
        height, width = picture.shape[:2]
        shape = self.grid.shape(*size_when_cut(protocol, height, width))
        blocks = self.grid.place(*shape, height, width)
        # First the whole picture, which tells of sizes that the model does not take.
        quality = float(_of_picture(self._saved.signatures["serving_default"], picture, **own)["quality"][0])
        local = score_windows(picture, blocks.reshape(-1, 4), protocol, protocol.prepare, quality_of, self.batch_size)
        assert self.info.scale is not None  # nothing else is exported
        return QualityMap(quality, local.reshape(shape), blocks, self.info.scale)


def load_mapper(source: str | Path, grid: str = "20", *, batch_size: int = 32) -> Mapper:
    """Loads a model for quality maps.

    Args:
        source: what `find_model` takes but a LiteRT file.
        grid: text of a grid of blocks, see `parse_grid`; exported models that score boxes have "20" alone.
        batch_size: of windows in one pass, for models that do not score boxes.

    Raises InvalidInput when there is nothing to load there, or the model has no such map; CheckpointError when it cannot be read.
    """
    path = find_model(Path(source))
    if not path.is_dir():
        from tfiqa.weights.build import read_model

        return QualityMapper(read_model(path), grid, batch_size=batch_size)
    import tensorflow as tf

    info = read_card(path)
    try:
        saved = tf.saved_model.load(str(path))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise CheckpointError(f"{path} cannot be loaded: {str(error).splitlines()[0][:200]}") from error
    if "map" in saved.signatures:
        if grid not in ("20", "20x20"):
            raise InvalidInput(
                f"{path} is an exported model, which maps 20x20 blocks only; for grid {grid} give the .keras file or the run"
            )
        return SavedModelMapper(info, saved)
    if "image" not in saved.signatures or "quality" not in info.columns:
        raise InvalidInput(
            f"{path} has no signature `map`, and none that scores windows; give the .keras file or the run of a model that "
            "scores pictures"
        )
    return SavedModelWindowMapper(info, saved, grid, batch_size=batch_size)


def _of_picture(signature: Any, picture: NDArray[np.uint8], **more: Any) -> dict[str, NDArray[np.float32]]:
    """What a signature of encoded pictures gives for a decoded one. Raises InvalidInput where it gives nothing but an error."""
    import tensorflow as tf

    png = io.BytesIO()
    Image.fromarray(picture).save(png, "PNG", compress_level=1)
    outputs = {
        name: value.numpy() for name, value in signature(image_bytes=tf.constant([png.getvalue()]), **more).items()
    }
    if reason := bytes(outputs[ERROR][0]).decode() if ERROR in outputs else "":
        raise InvalidInput(f"the picture {reason}")
    return outputs
