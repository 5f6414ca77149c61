"""What boxes cost: RoI pooling by a table of running maxima beside one box after the other, and the whole model with them.

    python tools/benchmark_roi_pooling.py [--runs 25] [--memory]

Times of a picture of 640x480, medians. The runs of all settings take turns, so that on a noisy machine their ratios hold.
"of score" is the whole model with the boxes over the same model without any (the picture's score alone).
`--memory` gives the peak that pooling 401 boxes adds at 12 megapixels instead.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

import tfiqa
from tfiqa.models.layers import RoIPooling
from tfiqa.models.layers.roi_pooling import BINS, STRIDE

COUNTS = (1, 4, 16, 64, 401, 1024, 4096)
WIDTH, HEIGHT, CHANNELS = 640, 480, 512
LARGE_WIDTH, LARGE_HEIGHT = 4000, 3000
GRID = 20


def one_after_the_other(maps: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """The straightforward way: maps (H, W, C) and boxes (R, 4) to (R, 2, 2, C), a slice and its maximum for each bin."""
    cells = boxes.astype(np.float32) / STRIDE
    cells = (np.sign(cells) * np.floor(np.abs(cells) + 0.5)).astype(int)
    pooled = np.zeros((len(boxes), BINS, BINS, maps.shape[-1]), np.float32)
    for box, (left, top, right, bottom) in enumerate(cells):
        width, height = max(right - left + 1, 1), max(bottom - top + 1, 1)
        for y in range(BINS):
            for x in range(BINS):
                first_row, last_row = top + y * height // BINS, top - (-(y + 1) * height // BINS)
                first_column, last_column = left + x * width // BINS, left - (-(x + 1) * width // BINS)
                window = maps[max(first_row, 0) : max(last_row, 0), max(first_column, 0) : max(last_column, 0)]
                if window.size:
                    pooled[box, y, x] = window.max(axis=(0, 1))
    return pooled


def boxes_of(count: int) -> np.ndarray:
    """Boxes (1, count, 4): the blocks of a 20x20 map and the picture, else drawn at random."""
    if count == GRID**2 + 1:
        return grid(WIDTH, HEIGHT)
    rng = np.random.default_rng(count)
    sides = [np.sort(rng.uniform(0, size, (count, 2)), axis=1) for size in (WIDTH, HEIGHT)]
    return np.stack([side[:, end] for end in (0, 1) for side in sides], axis=1).astype(np.float32)[None]


def grid(width: int, height: int) -> np.ndarray:
    """The picture's box and those of its 20x20 blocks (1, 401, 4)."""
    x, y = (np.linspace(0, size, GRID + 1) for size in (width, height))
    blocks = [(x[j], y[i], x[j + 1], y[i + 1]) for i in range(GRID) for j in range(GRID)]
    return np.array([(0, 0, width, height), *blocks], np.float32)[None]


def medians(work: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Milliseconds of each, the median of runs that take turns; the first ones, which trace graphs, do not count."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for run in range(runs + 1):
        for name, function in work.items():
            started = time.perf_counter()
            function()
            if run:
                times[name].append(1000 * (time.perf_counter() - started))
    return {name: float(np.median(each)) for name, each in times.items()}


def print_times(runs: int) -> None:
    """A row for each number of boxes."""
    rng = np.random.default_rng(0)
    maps = np.maximum(rng.normal(size=(1, HEIGHT // STRIDE, WIDTH // STRIDE, CHANNELS)), 0).astype(np.float32)
    image = tf.constant(rng.integers(0, 256, (1, HEIGHT, WIDTH, 3)), tf.float32)
    layer, model = RoIPooling(), tfiqa.build_model("paq2piq_roipool")
    boxes_shape = tf.TensorSpec((None, None, 4), tf.float32)
    pool = tf.function(layer, input_signature=[tf.TensorSpec((None, None, None, CHANNELS)), boxes_shape])
    score = tf.function(
        lambda image: model(image, training=False)["quality"],
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)],
    )
    score_boxes = tf.function(
        lambda image, boxes: model({"image": image, "boxes": boxes}, training=False),
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32), boxes_shape],
    )
    boxes = {count: boxes_of(count) for count in COUNTS}
    for each in boxes.values():
        np.testing.assert_array_equal(pool(maps, each)[0], one_after_the_other(maps[0], each[0]))
    work: dict[str, Callable[[], object]] = {"score": lambda: score(image).numpy()}
    for count, each in boxes.items():
        work[f"table {count}"] = lambda each=each: pool(maps, each).numpy()
        work[f"slices {count}"] = lambda each=each: one_after_the_other(maps[0], each[0])
        # The model pools the picture's box besides.
        work[f"model {count}"] = lambda each=each[:, 1:]: score_boxes(image, each)["box_quality"].numpy()
    found = medians(work, runs)
    print(f"the picture's score alone: {found['score']:.1f} ms\n")
    print("boxes   pooling ms   one by one ms   ratio   model ms   of score")
    for count in COUNTS:
        table, slices, whole = (found[f"{name} {count}"] for name in ("table", "slices", "model"))
        print(
            f"{count:5} {table:12.1f} {slices:15.1f} {slices / table:7.1f} {whole:10.1f} {whole / found['score']:10.3f}"
        )


def print_memory() -> None:
    """The peak that the pooling of a map of 12 megapixels adds to what the process held before."""
    shape = 1, -(-LARGE_HEIGHT // STRIDE), -(-LARGE_WIDTH // STRIDE), CHANNELS
    maps = tf.constant(np.random.default_rng(0).normal(size=shape), tf.float32)
    layer = RoIPooling()
    signature = [tf.TensorSpec((None, None, None, CHANNELS)), tf.TensorSpec((None, None, 4))]
    pool = tf.function(layer, input_signature=signature)
    pool(maps[:, :9, :9], grid(WIDTH, HEIGHT))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    pooled = pool(maps, grid(LARGE_WIDTH, LARGE_HEIGHT)).numpy()
    seconds = time.perf_counter() - started
    added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    np.testing.assert_array_equal(pooled[0], one_after_the_other(maps[0].numpy(), grid(LARGE_WIDTH, LARGE_HEIGHT)[0]))
    print(f"{LARGE_WIDTH}x{LARGE_HEIGHT}, 401 boxes: {added / 1024:.0f} MB more at the peak, {seconds:.2f} s")


def main() -> None:
    """Prints the times, or the memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=25)
    parser.add_argument("--memory", action="store_true")
    arguments = parser.parse_args()
    if arguments.memory:
        print_memory()
    else:
        print_times(arguments.runs)


if __name__ == "__main__":
    main()
