"""Whether an exported model would be faster if it took several pictures at a time through the network.

    python tools/benchmark_export.py [--runs 5] [--models dcnns spaq_bl paq2piq_baseline unique deepfl] [--pictures 8]

An exported graph decodes, prepares and scores one picture after the other. Here the same steps run with the network of each
model, weights random, on JPEGs of one size: "prepare" decodes and prepares them all; "one by one" is the network as the exported
graph runs it, in passes of PATCHES_PER_PASS patches of one picture; "together" has the patches of all pictures in passes of as
many, or, of models that see whole pictures, pairs of pictures in one pass. "left" is the share of the whole time that grouping
would leave, on the wall and of the processor, which on a machine with other work is steadier. Runs take turns, and the least time
of each counts; "difference" is the largest between the scores.
"""

from __future__ import annotations

import argparse
import io
import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the commands do
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

SIZES = ((500, 375), (1600, 1200))
MODELS = ("dcnns", "spaq_bl", "paq2piq_baseline", "unique", "deepfl")
PAIR = 2  # whole pictures in one pass; more take more memory, and two show whether there is anything to win


def photographs(count: int, width: int, height: int) -> list[bytes]:
    """JPEGs with some detail, each another part of a picture that scikit-image ships."""
    from skimage import data

    source = Image.fromarray(data.astronaut())
    pictures = []
    for number in range(count):
        part = source.crop((8 * number, 8 * number, 8 * number + 400, 8 * number + 300))
        stream = io.BytesIO()
        part.resize((width, height), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
        pictures.append(stream.getvalue())
    return pictures


def steps(model: Any, pictures: Sequence[bytes]) -> dict[str, Callable[[], list[float]]]:
    """The functions to be timed; those of the network give the pictures' scores."""
    import tensorflow as tf

    from tfiqa.images.protocol_graph import prepare_graph
    from tfiqa.serving.each_picture_graph import try_decode_graph
    from tfiqa.serving.picture_graph import PATCHES_PER_PASS

    prepare = tf.function(lambda data: prepare_graph(model.info.protocol, try_decode_graph(data)[0]), autograph=False)
    any_size = [tf.TensorSpec((None, None, None, 3), tf.uint8)]

    @tf.function(input_signature=any_size, autograph=False)
    def network(patches: tf.Tensor) -> tf.Tensor:
        return model(tf.cast(patches, tf.float32), training=False)["quality"][:, 0]

    prepared = [prepare(tf.constant(data)) for data in pictures]
    everything = tf.concat(prepared, axis=0)
    at_once = PATCHES_PER_PASS if model.info.protocol.patch_size else PAIR

    def passes(patches: tf.Tensor, size: int) -> Iterator[np.ndarray]:
        for start in range(0, len(patches), size):
            yield network(patches[start : start + size]).numpy()

    def one_by_one() -> list[float]:
        return [float(np.concatenate([*passes(patches, PATCHES_PER_PASS)]).mean()) for patches in prepared]

    def together() -> list[float]:
        scores = np.concatenate([*passes(everything, at_once)])
        return [float(part.mean()) for part in np.split(scores, np.cumsum([len(patches) for patches in prepared])[:-1])]

    def prepare_all() -> list[float]:
        return [float(len(prepare(tf.constant(data)))) for data in pictures]

    return {"prepare": prepare_all, "one by one": one_by_one, "together": together}


def least_times(work: dict[str, Callable[[], list[float]]], runs: int) -> tuple[dict[str, float], dict[str, float]]:
    """Milliseconds on the wall and of the processor that each step takes, the least of runs that take turns."""
    times: dict[str, list[tuple[float, float]]] = {step: [] for step in work}
    for _ in range(runs):
        for step, function in work.items():
            begin = time.perf_counter(), time.process_time()
            function()
            times[step].append((1e3 * (time.perf_counter() - begin[0]), 1e3 * (time.process_time() - begin[1])))
    wall, processor = ({step: min(each[place] for each in times[step]) for step in work} for place in (0, 1))
    return wall, processor


def left(times: dict[str, float]) -> float:
    """The share of the whole time that grouping would leave."""
    return (times["prepare"] + times["together"]) / (times["prepare"] + times["one by one"])


def main() -> None:
    """Prints a row for each model and size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--models", nargs="+", default=MODELS)
    arguments = parser.parse_args()

    import keras

    import tfiqa

    print("model                    size patches   prepare  one by one  together difference   left  left (processor)")
    for name in arguments.models:
        keras.utils.set_random_seed(0)
        model = tfiqa.build_model(name)
        for width, height in SIZES:
            work = steps(model, photographs(arguments.pictures, width, height))
            results = {step: function() for step, function in work.items()}  # the first, which trace, do not count
            wall, processor = least_times(work, arguments.runs)
            apart = max(abs(a - b) for a, b in zip(results["one by one"], results["together"], strict=True))
            print(
                f"{name:18} {f'{width}x{height}':>10} {sum(results['prepare']):7.0f} {wall['prepare']:6.0f} ms "
                f"{wall['one by one']:8.0f} ms {wall['together']:6.0f} ms {apart:10.1e} "
                f"{left(wall):6.2f} {left(processor):17.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
