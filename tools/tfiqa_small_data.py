"""What `tfiqa_small` learns from: splits of the human scores, pristine pictures, and the features of all pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
PRISTINE_COPIES = ((1.0, 1.0), (0.6, 0.9), (0.4, 0.6))  # the same of the pristine pictures
LEAST_SIDE = 16

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


def good_pictures(table: pd.DataFrame, splits: Sequence[Split]) -> list[str]:
    """The pictures to distort: of those that no split tests on the best, one a group, down to PRISTINE_SCORE.

    So no test picture of a split, nor anything like one, has been seen distorted.
    """
    untested = np.setdiff1d(np.arange(len(table)), np.concatenate([split.test for split in splits]))
    best = table.iloc[untested].sort_values("score", ascending=False, kind="stable").drop_duplicates("group")
    return best.loc[best["score"] >= PRISTINE_SCORE, "image"].tolist()


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
    from tfiqa.images.decode import decode_picture

    rng = np.random.default_rng(0)
    for path in table["image"]:
        pixels = decode_picture(path, name=path)
        yield _smaller(pixels, rng.uniform(*REDUCED)) if reduced else pixels


def pristine_copies(images: Sequence[str]) -> Iterator[Pixels]:
    """Of each picture as many copies as PRISTINE_COPIES has ranges."""
    from tfiqa.images.decode import decode_picture

    rng = np.random.default_rng(0)
    for path in images:
        pixels = decode_picture(path, name=path)
        for low, high in PRISTINE_COPIES:
            yield _smaller(pixels, rng.uniform(low, high))


def _smaller(pixels: Pixels, factor: float) -> Pixels:
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
    if not file.exists():
        unfinished = file.with_suffix(".part.npy")
        np.save(unfinished, _features(pictures, count))
        unfinished.rename(file)
    found: Features = np.load(file)
    if len(found) != count:
        raise InvalidInput(f"{file} holds {len(found)} pictures of an earlier run, not {count}; remove it")
    return found


def _features(pictures: Iterator[Pixels], count: int) -> Features:
    import keras
    import tensorflow as tf
    from tqdm import tqdm

    from tfiqa.models.tfiqa_small import kernel_features

    image = keras.Input((None, None, 3))
    model = keras.Model(image, kernel_features(image))
    features = tf.function(lambda pixels: model(pixels, training=False), reduce_retracing=True)
    rows = [
        features(tf.cast(pixels[np.newaxis], tf.float32)).numpy()[0]
        for pixels in tqdm(islice(pictures, count), total=count, unit="picture", mininterval=10)
    ]
    return np.stack(rows)
