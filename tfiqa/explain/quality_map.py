"""The quality of a picture's blocks beside that of the picture.

Reference: Z. Ying, H. Niu, P. Gupta, D. Mahajan, D. Ghadiyaram, A. Bovik, "From Patches to Pictures (PaQ-2-PiQ): Mapping the
Perceptual Space of Picture Quality", CVPR 2020, section 4.3; the blocks are those of the authors' released code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput
from tfiqa.explain.blocks import Blocks, parse_grid
from tfiqa.explain.windows import WindowPredictor, size_when_cut
from tfiqa.models.baseline_with_boxes import baseline_with_boxes
from tfiqa.models.model_info import ModelInfo
from tfiqa.pipelines.box_scoring import BoxPredictor, takes_boxes
from tfiqa.pipelines.scoring import takes_exif
from tfiqa.score_scale import ScoreScale

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel


@dataclass(frozen=True, eq=False)
class QualityMap:
    """The quality of a picture and of its blocks.

    Args:
        quality: of the whole picture, as `tfiqa score` tells it.
        local: of the blocks, float32 (rows, columns).
        blocks: where they are, float32 (rows, columns, 4): left, top, right, bottom in pixels of the picture as it is shown.
        scale: of both.
    """

    quality: float
    local: NDArray[np.float32]
    blocks: Blocks
    scale: ScoreScale

    def __post_init__(self) -> None:
        if not np.isfinite(self.quality) or not np.isfinite(self.local).all():
            raise InvalidInput("the model's scores are not finite")

    def worst(self, count: int) -> list[tuple[int, int]]:
        """Row and column of the worst blocks, the worst first: `count` of them, or all if there are fewer.

        A block that touches a worse one of these is passed over, unless no others are left, so that they show different places.
        """
        quality = self.scale.oriented(self.local).ravel()
        boxes = self.blocks.reshape(-1, 4)
        apart, left = np.full(quality.size, True), np.full(quality.size, True)
        chosen: list[int] = []
        for _ in range(min(count, quality.size)):
            candidates = np.flatnonzero(left & apart) if (left & apart).any() else np.flatnonzero(left)
            worst = int(candidates[quality[candidates].argmin()])
            chosen.append(worst)
            left[worst] = False
            apart &= (boxes[:, :2] > boxes[worst, 2:]).any(axis=1) | (boxes[:, 2:] < boxes[worst, :2]).any(axis=1)
        return [divmod(place, self.local.shape[1]) for place in chosen]


class Mapper(Protocol):
    """What makes quality maps.

    Attributes:
        info: of the model.
        takes_exif: whether the model looks at a picture's EXIF.
    """

    info: ModelInfo
    takes_exif: bool

    def map(self, picture: NDArray[np.uint8], exif: NDArray[np.float64] | None = None) -> QualityMap:
        """The map of a decoded picture (H, W, 3), as it is shown; `exif` (8,) as `encode_exif` has it. Raises InvalidInput."""


def with_boxes(model: QualityModel) -> QualityModel | None:
    """The model that scores boxes with this one's weights: itself, of `paq2piq_baseline` `baseline_with_boxes`, else None."""
    if takes_boxes(model):
        return model
    return baseline_with_boxes(model) if model.info.model == "paq2piq_baseline" else None


class QualityMapper:
    """Maps the quality of pictures with a model in memory.

    A model with the input `boxes` scores all blocks in one pass over the picture; so does `paq2piq_baseline`, see
    `baseline_with_boxes`. Any other one scores windows around the blocks, see `WindowPredictor`.

    Args:
        model: a tfiqa model with the output `quality`.
        grid: text of the grid of blocks; see `parse_grid`. Where the picture's size decides, it is the size that the model sees,
            after a protocol's scaling to a shorter side.
        batch_size: of windows in one pass.

    Raises InvalidInput for another model or grid.
    """

    def __init__(self, model: QualityModel, grid: str = "20", *, batch_size: int = 32) -> None:
        if model.info.scale is None or "quality" not in model.output:
            raise InvalidInput(f"{model.info.model} does not score pictures, so there is no map of their quality")
        self.info, self.grid = model.info, parse_grid(grid)
        self.takes_exif = takes_exif(model)
        boxed = with_boxes(model)
        self._predictor = BoxPredictor(boxed) if boxed else WindowPredictor(model, batch_size=batch_size)

    def map(self, picture: NDArray[np.uint8], exif: NDArray[np.float64] | None = None) -> QualityMap:
        """The map of a decoded picture.

        Args:
            picture: (H, W, 3), as it is shown.
            exif: for a model that takes it, the numbers (8,) as `encode_exif` has them.

        Raises InvalidInput for a size that the model does not take, more than MOST_BLOCKS blocks and scores that are not finite.
        """
        assert self.info.scale is not None
        height, width = picture.shape[:2]
        shape = self.grid.shape(*size_when_cut(self.info.protocol, height, width))
        blocks = self.grid.place(*shape, height, width)
        boxes = blocks.reshape(-1, 4)
        if isinstance(self._predictor, BoxPredictor):
            scores = self._predictor.predict(picture, boxes, exif)
            quality, local = scores.quality, scores.box_quality
        else:
            quality = float(self._predictor.predict_picture(picture, exif)["quality"][0])
            local = self._predictor.predict_blocks(picture, boxes, exif)
        return QualityMap(quality, local.reshape(shape), blocks, self.info.scale)


def quality_map(
    model: QualityModel, picture: NDArray[np.uint8], grid: str = "20", exif: NDArray[np.float64] | None = None
) -> QualityMap:
    """The map of one picture; for more of them a `QualityMapper` prepares the model once. Arguments and errors as there."""
    return QualityMapper(model, grid).map(picture, exif)
