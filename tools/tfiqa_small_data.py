"""What `tfiqa_small` learns from: splits of the human scores, and the features of pictures."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tfiqa.databases.manifest import Manifest
from tfiqa.errors import InvalidInput

SPLITS = 5
TEST_PICTURES = 200  # in each split's test part, at least
PRISTINE_SCORE = 0.6  # MOS of BIQ2021 (0..1) from which a picture counts as good enough to be distorted
REDUCED = (0.55, 0.85)  # of the sides of the photographs' smaller copies, drawn evenly
LEAST_SIDE = 16
QUANTILES = (0.005, 0.995)  # beyond which a feature does not count for its mean and deviation
LEAST_DEVIATION = 1e-6

Array = NDArray[np.float64]
Features = NDArray[np.float32]
Indices = NDArray[np.intp]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Split:
    """Rows of a manifest to train and to test on; no group is on both sides."""

    train: Indices
    test: Indices


def group_splits(groups: Any, seeds: int = SPLITS, test_pictures: int = TEST_PICTURES) -> list[Split]:
    """Splits: groups in an order drawn with the seeds 0, 1, ... are tested until there are enough pictures."""
    labels = np.asarray(groups, object)
    found = []
    for seed in range(seeds):
        names = np.array(sorted(set(labels)))
        np.random.default_rng(seed).shuffle(names)
        test: list[int] = []
        for name in names:
            if len(test) >= test_pictures:
                break
            test.extend(np.flatnonzero(labels == name))
        chosen = np.sort(np.array(test, np.intp))
        found.append(Split(np.setdiff1d(np.arange(len(labels)), chosen), chosen))
    return found


def folds(groups: Any, count: int) -> list[Split]:
    """Each picture is tested on once, and its group with it."""
    labels = np.asarray(groups, object)
    names = np.array(sorted(set(labels)))
    np.random.default_rng(0).shuffle(names)
    fold = {name: i % count for i, name in enumerate(names)}
    of = np.array([fold[name] for name in labels])
    return [Split(np.flatnonzero(of != i), np.flatnonzero(of == i)) for i in range(count)]


def human_scores(manifest: Manifest) -> pd.DataFrame:
    """Columns image (absolute), score (0..1, higher is better) and group.

    Raises InvalidInput for a manifest without groups or with scores beyond 0..1.
    """
    table = manifest.table
    if "group" not in table:
        raise InvalidInput(
            "the manifest of human scores needs near-duplicate groups: tfiqa data split --near-duplicates"
        )
    if not table["score"].between(0, 1).all():
        raise InvalidInput("the manifest of human scores must have scores of 0..1, as BIQ2021's")
    images = [str(path) for path in manifest.picture_paths()]
    return pd.DataFrame({"image": images, "score": table["score"], "group": table["group"]})


def photographs(table: pd.DataFrame, reduced: bool) -> Iterator[Pixels]:
    """The rated pictures; or smaller copies, each by a factor of its own."""
    rng = np.random.default_rng(0)
    for image in table["image"]:
        pixels = decoded(image)
        yield resized(pixels, rng.uniform(*REDUCED)) if reduced else pixels


def decoded(image: str) -> Pixels:
    """The pixels of a picture file."""
    from tfiqa.images.decode import decode_picture

    return decode_picture(image, name=image)


def resized(pixels: Pixels, factor: float) -> Pixels:
    """A copy with sides of `factor` times as many pixels."""
    from PIL import Image

    height, width = (max(LEAST_SIDE, round(side * factor)) for side in pixels.shape[:2])
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))


def distorted_pictures(folder: Path) -> tuple[pd.DataFrame, Iterator[Pixels]]:
    """The rows and the pictures of a finished folder of `tfiqa extract weak-labels`."""
    from tfiqa.pipelines.records.packed_picture import decode_source, packed_pictures
    from tfiqa.pipelines.records.reader import read_records

    records = read_records(folder)
    table = records.manifest().table
    return table, map(decode_source, packed_pictures(records, table["image"].tolist()))


def kept_features(file: Path, pictures: Iterator[Pixels], count: int) -> Features:
    """The features (N, D) of pictures, of `file` if it is there, else computed and written.

    Raises InvalidInput when the file holds another number of pictures.
    """
    from tqdm import tqdm

    if not file.exists():
        unfinished = file.with_suffix(".part.npy")
        each = map(picture_features, tqdm(islice(pictures, count), total=count, unit="picture", mininterval=10))
        np.save(unfinished, np.stack(list(each)))
        unfinished.rename(file)
    found: Features = np.load(file)
    if len(found) != count:
        raise InvalidInput(f"{file} holds {len(found)} pictures of an earlier run, not {count}; remove it")
    return found


def picture_features(pixels: Pixels) -> Features:
    """The features (D,) of a picture."""
    found: Features = _graph()(pixels[np.newaxis].astype(np.float32)).numpy()[0]
    return found


@functools.cache
def _graph() -> Any:
    import keras
    import tensorflow as tf

    from tfiqa.models.tfiqa_small import picture_features

    image = keras.Input((None, None, 3))
    model = keras.Model(image, picture_features(image))
    return tf.function(
        lambda pixels: model(pixels, training=False), input_signature=[tf.TensorSpec((1, None, None, 3))]
    )


def moments(features: NDArray[Any]) -> tuple[Array, Array]:
    """Mean and deviation (D,) of features (N, D), without the outliers."""
    low, high = np.quantile(features, QUANTILES, axis=0)
    inside = np.clip(features, low, high)
    return inside.mean(0), inside.std(0) + LEAST_DEVIATION
