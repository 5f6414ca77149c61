"""Which places of a picture a model's number comes from: Grad-CAM, saliency and SmoothGrad."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfiqa.errors import InvalidInput, UnknownName
from tfiqa.explain.grad_cam import Values, in_points
from tfiqa.explain.keras_vis import KerasVis, installed, obstacle
from tfiqa.explain.saliency import NOISE, SAMPLES, sensitivity, smooth_gradient
from tfiqa.explain.split_model import SplitModel
from tfiqa.explain.targets import find_target
from tfiqa.images.exif_encoding import EXIF_VECTOR
from tfiqa.images.patches import patch_grid
from tfiqa.images.protocol import PictureProtocol
from tfiqa.images.resize import resize_bilinear
from tfiqa.models.backbones.mlsp_taps import smallest_side
from tfiqa.pipelines.scoring import takes_exif
from tfiqa.registry import unknown_name

if TYPE_CHECKING:
    from tfiqa.models.quality_model import QualityModel

Pixels = NDArray[np.uint8]
Method = Literal["grad-cam", "saliency", "smoothgrad"]
METHODS: tuple[Method, ...] = get_args(Method)
AUTO = "auto"
PACKAGES = (AUTO, KerasVis.package, SplitModel.package)
LONGEST_SIDE = 1024  # pixels: saliency of 1024x768 takes up to 5.5 GB, with InceptionResNetV2
# Smaller patches are all that the network can see (CNNIQA's 32); larger ones are cut to train it, and for the paper's protocol.
WHOLE_FROM = 64
BATCH_PIXELS = 4 * 224 * 224  # of the patches in one pass

Place = tuple[NDArray[np.int64], ...]  # of each pixel of a patch in the picture: rows (h, 1) and columns (1, w)
Batch = tuple[Values, Values | None, list[Place]]  # patches (N, h, w, 3), their EXIF numbers (N, 8), where they lie


class Explainer:
    """Explains a number that a model tells of pictures.

    A picture is brought to the size at which the model takes it. Then it is explained whole, also by models that score a picture
    as the mean over patches: the networks take any size, seams would hide what there is to see, and it takes a fraction of the
    time. The number is then that of the picture as a single patch. Patch by patch what is explained is the mean: saliency is its
    gradient, and Grad-CAM at each place the mean over the patches that hold it, weighted by the distances from their borders, and
    0 where none does.

    Args:
        model: a tfiqa model; TensorFlow is the backend.
        target: which number, see `targets.find_target`.
        layer: whose maps Grad-CAM takes; None for the last ones, see `SplitModel`.
        longest_side: pixels; larger pictures are shrunk to it, and explained as such, unless they are taken patch by patch.
        patches: patch by patch, for models with patches; None for those alone whose patches are below WHOLE_FROM pixels a side.
        package: what computes the gradients: "tf-keras-vis", "tfiqa", or "auto", the first where it is installed and takes the
            model. Both give the same numbers.

    Raises UnknownName, InvalidInput and MissingPackage.
    """

    def __init__(
        self,
        model: QualityModel,
        target: str = "quality",
        *,
        layer: str | None = None,
        longest_side: int = LONGEST_SIDE,
        patches: bool | None = None,
        package: str = AUTO,
    ) -> None:
        if package not in PACKAGES:
            raise UnknownName(unknown_name("package", package, PACKAGES))
        self.split = SplitModel(model, find_target(model, target), layer)
        protocol = model.info.protocol
        if patches is None:
            patches = protocol.patch_size is not None and protocol.patch_size < WHOLE_FROM
        if patches and protocol.patch_size is None:
            raise InvalidInput(f"{model.name} takes pictures whole, not patch by patch")
        self.protocol = protocol if patches else PictureProtocol(protocol.resize)
        self._least = smallest_side(model.info.options.get("body", ""))
        self._takes_exif = takes_exif(model)
        self._longest_side, self._asked = longest_side, package
        ours = package == SplitModel.package or (package == AUTO and not installed())
        self._keras_vis = None if ours else KerasVis(self.split)

    def prepared(self, picture: Pixels) -> Pixels:
        """The picture (H, W, 3) at the size at which it is explained. Raises InvalidInput where the model does not take it."""
        resized = self.protocol.policy.apply(picture)
        height, width = resized.shape[:2]
        if min(height, width) < self._least:
            raise InvalidInput(f"{width}x{height} pixels; the model takes sides from {self._least}")
        share = self._longest_side / max(height, width)
        if self.protocol.patch_size is not None or share >= 1:
            return resized
        return resize_bilinear(resized, *(max(self._least, round(side * share)) for side in (height, width)))

    def score(self, picture: Pixels, exif: Any = None) -> float:
        """The target of a picture that `prepared` gave; `exif` as of `explain`. Raises InvalidInput where it is not finite."""
        scores = [self.split.score(images, numbers) for images, numbers, _ in self._batches(picture, exif)]
        return float(self._finite(np.concatenate(scores)).mean())

    def package(self, method: Method) -> str:
        """What computes the gradients of a method. Raises InvalidInput where tf-keras-vis is asked for and cannot."""
        return self._source(method).package

    def explain(
        self,
        picture: Pixels,
        method: Method = "grad-cam",
        *,
        exif: Any = None,
        samples: int = SAMPLES,
        noise: float = NOISE,
        seed: int = 0,
    ) -> Values:
        """What a method tells of a picture that `prepared` gave.

        Args:
            picture: uint8 (H, W, 3).
            method: one of METHODS.
            exif: (8,), normalised, for models that take it; None as of a picture without.
            samples, noise, seed: of SmoothGrad, see `saliency.smooth_gradient`.

        Returns:
            float32 (H, W). Of Grad-CAM what each place contributes to the target, in its units and with its sign, see
            `grad_cam.in_points`. Of the others the sensitivity: the target's units per grey level, never negative.

        Raises InvalidInput where the values are not finite, UnknownName for another method.
        """
        if method not in METHODS:
            raise UnknownName(unknown_name("method", method, METHODS))
        pixels = picture.astype(np.float32)
        if method == "grad-cam":
            return self._finite(self._grad_cam(pixels, exif))
        gradient = partial(self._gradient, self._source(method), exif)
        if method == "saliency":
            return self._finite(sensitivity(gradient(pixels)))
        return self._finite(sensitivity(smooth_gradient(gradient, pixels, samples=samples, noise=noise, seed=seed)))

    def _source(self, method: Method) -> SplitModel | KerasVis:
        if self._keras_vis is None:
            return self.split
        reason = obstacle(self.split, maps=method == "grad-cam")
        if reason is not None and self._asked != AUTO:
            raise InvalidInput(f"{self._asked} cannot explain {self.split.model.name} by {method}: {reason}")
        return self.split if reason else self._keras_vis

    def _gradient(self, source: SplitModel | KerasVis, exif: Any, picture: Values) -> Values:
        total, patches = np.zeros_like(picture), 0
        for images, numbers, places in self._batches(picture, exif):
            for place, gradient in zip(places, source.gradient(images, numbers), strict=True):
                np.add.at(total, place, gradient)  # a mirrored pixel is there twice
            patches += len(places)
        return total / np.float32(patches)

    def _grad_cam(self, picture: Values, exif: Any) -> Values:
        source, margin = self._source("grad-cam"), self.protocol.patch_margin
        total, weights = np.zeros((2, *picture.shape[:2]), np.float32)
        for images, numbers, places in self._batches(picture, exif):
            height, width = (side - 2 * margin for side in images.shape[1:3])  # the maps are of the patch itself
            weight = np.outer(_from_border(height), _from_border(width))
            activations = source.class_activations(images, numbers)
            enlarged = np.sum([_enlarged(in_points(each), height, width) for each in activations], axis=0)
            for (rows, columns), values in zip(places, enlarged, strict=True):
                place = rows[margin : margin + height], columns[:, margin : margin + width]
                total[place] += values * weight
                weights[place] += weight
        return total / np.where(weights > 0, weights, 1)

    def _batches(self, picture: NDArray[Any], exif: Any) -> Iterator[Batch]:
        height, width = picture.shape[:2]
        protocol, margin = self.protocol, self.protocol.patch_margin
        size, stride = protocol.patch_size or max(height, width), protocol.patch_stride or max(height, width)
        grid = patch_grid(height, width, size, stride, protocol.patch_ends)
        rows, columns = (np.pad(np.arange(side), margin, mode="symmetric") for side in (height, width))
        seen, at_once = size + 2 * margin, max(1, BATCH_PIXELS // size**2)
        for first in range(0, len(grid), at_once):
            corners = grid[first : first + at_once]
            places = [np.ix_(rows[top : top + seen], columns[left : left + seen]) for top, left in corners]
            images = np.stack([picture[place] for place in places]).astype(np.float32)
            numbers = np.zeros(len(EXIF_VECTOR)) if exif is None else exif
            yield images, np.tile(np.float32(numbers), (len(images), 1)) if self._takes_exif else None, places

    def _finite(self, values: Values) -> Values:
        if not np.isfinite(values).all():
            raise InvalidInput(f"{self.split.target.name} of {self.split.model.name}, or its gradient, is not finite")
        return values


def _from_border(length: int) -> Values:
    """How far the middle of each pixel of a side is from the nearer end."""
    middles = np.arange(length, dtype=np.float32) + 0.5
    return np.minimum(middles, length - middles)


def _enlarged(activations: Values, height: int, width: int) -> Values:
    """(N, h, w) to (N, height, width), bilinear."""
    return tf.image.resize(activations[..., None], (height, width)).numpy()[..., 0]
