"""How much of the network's speed is left when MLSP features are extracted from files, and what a picture's size costs.

    python tools/benchmark_extraction.py --pictures FOLDER [--size 512x384]      extraction beside the bare network
    python tools/benchmark_extraction.py --copy                                  the network beside Keras' own
    python tools/benchmark_extraction.py --megapixels .1 .3 1 3 6 12             processor time and memory of one
    python tools/benchmark_extraction.py --pictures FOLDER --bfloat16            the error of bfloat16

The model is a deepfl_mtl with fresh weights of --body, or that of --model.

Extraction is what a worker of `tfiqa extract mlsp` does with a shard: it reads, decodes, batches, computes, rounds to float16
and writes. The bare network takes the same batches, which lie in memory, and does nothing with what it gives. Both take turns,
shard by shard, in a process of one thread, and in two such processes, which go from one to the other together. A worker
decodes in a thread of its own, which another processor may run: where processors are all busy, as when there is a worker for
each, the ratio of processor time tells. On a noisy machine trust ratios alone. Memory is the process's largest (VmHWM).
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import re
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tfiqa.cli.tensorflow_start import load_tensorflow
from tfiqa.features.worker_start import start_worker
from tfiqa.images.decode import decode_picture
from tfiqa.images.discovery import find_pictures
from tfiqa.models.backbones.mlsp_taps import BODIES, MLSP_TAPS

TURNS = 7  # of each kind, in turn
SHARD_PICTURES = 16
JPEG_QUALITY = 92
ASPECT = 4 / 3
BATCH, SIZE = 8, (384, 512)  # of --copy
PATIENCE = 600  # seconds until a process gives the other up
Took = tuple[float, float]  # seconds by the clock and of processor time
SPAWN = multiprocessing.get_context("spawn")
barrier: Any = None  # of the processes that take turns together


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--body", default="inception_resnet_v2", choices=BODIES)
    parser.add_argument("--model", help=".keras file")
    parser.add_argument("--pictures", metavar="FOLDER")
    parser.add_argument("--count", type=int, default=160)
    parser.add_argument("--size", metavar="WxH", help="to which pictures are resized before")
    parser.add_argument("--copy", action="store_true")
    parser.add_argument("--megapixels", type=float, nargs="+")
    parser.add_argument("--bfloat16", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = arguments.model or alone(save_model, arguments.body, f"{folder}/model.keras")
        if arguments.megapixels:
            for size in arguments.megapixels:
                first, seconds, held, before = alone(one_picture, model, size)
                print(
                    f"{size:5.1f} megapixels {seconds:6.1f} s ({first:.1f} the first), {held:.2f} GB ({before:.2f} before)",
                    flush=True,
                )
            return
        if arguments.copy:
            alone(compare_copy, model)
            return
        if not arguments.pictures:
            parser.error("--pictures says of what")
        pictures = prepare(arguments.pictures, f"{folder}/pictures", arguments.size, arguments.count)
        if arguments.bfloat16:
            alone(compare_bfloat16, model, pictures)
            return
        for processes in (1, 2):
            compare_extraction(model, pictures, f"{folder}/{processes}", processes)


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function gives in a process of its own, which is a worker's."""
    with ProcessPoolExecutor(1, SPAWN, start_worker, (load_tensorflow,)) as pool:
        return pool.submit(function, *arguments).result()


def save_model(body: str, path: str) -> str:
    import tfiqa

    tfiqa.build_model("deepfl_mtl", body=body, measures=("vsi",)).save(path)
    return path


def prepare(folder: str, target: str, size: str | None, count: int) -> list[str]:
    """The first pictures of a folder, as JPEG files of a size where one is given."""
    found = [str(path.resolve()) for path in islice(find_pictures([folder]), count)]
    if size is None:
        return found
    width, height = map(int, size.split("x"))
    Path(target).mkdir()
    for number, path in enumerate(found):
        picture = Image.fromarray(decode_picture(path)).resize((width, height))
        found[number] = f"{target}/{number}.jpg"
        picture.save(found[number], quality=JPEG_QUALITY)
    return found


def compare_extraction(model: str, pictures: list[str], folder: str, processes: int) -> None:
    """Prints what is left of the bare network's speed."""
    shared = SPAWN.Barrier(processes)
    with ProcessPoolExecutor(processes, SPAWN, _start_together, (shared,)) as pool:
        each_of = len(pictures) // processes  # as many for each, so that all have as many turns
        parts = [pictures[i * each_of :][:each_of] for i in range(processes)]
        waiting = [pool.submit(take_turns, model, part, f"{folder}-{i}") for i, part in enumerate(parts)]
        turns, held, seconds = zip(*(each.result() for each in waiting), strict=True)
    # Shards, (extraction, bare network), (clock, processor).
    times = np.array([turn for part in turns for turn in part])
    took = times.sum(axis=0)
    ratios = times[:, 1] / times[:, 0]
    count = processes * each_of
    print(f"{processes} process{'es' * (processes > 1)}, {count} pictures")
    for name, (clock, processor) in zip(("extraction", "bare network"), took, strict=True):
        speed, cost = processes * count / clock, 1e3 * processor / count
        print(f"    {name:12} {speed:7.2f} pictures a second, {cost:6.1f} ms of processor time a picture")
    for name, (clock, processor) in (("all", took[1] / took[0]), ("median shard", np.median(ratios, axis=0))):
        print(f"    {name:12} {clock:7.1%} of the bare network's speed, {processor:.1%} by processor time")
    for part in seconds[0]:
        print(f"    {part:8} {sum(each[part] for each in seconds) / took[0, 0]:6.1%} of the extraction")
    for early, late in held:
        print(f"    memory {early:.3f} GB after a tenth, {late:.3f} GB in the end")


def _start_together(shared: Any) -> None:
    global barrier
    barrier = shared
    start_worker(load_tensorflow)


def take_turns(
    model: str, pictures: list[str], folder: str
) -> tuple[list[tuple[Took, Took]], tuple[float, float], dict[str, float]]:
    """By shard, the seconds of extraction and of the bare network, each by the clock and of processor time; GB after a tenth
    of the shards and in the end; seconds by part of the extraction.
    """
    import pandas as pd

    from tfiqa.databases.manifest import UNKNOWN_SCALE, Manifest
    from tfiqa.features.clock import Clock
    from tfiqa.features.mlsp.extraction import Extraction
    from tfiqa.features.mlsp.job import MlspJob
    from tfiqa.features.mlsp.settings import MlspSettings
    from tfiqa.features.mlsp.shard_work import PARTS
    from tfiqa.features.mlsp.shard_writer import _network, write_shard
    from tfiqa.pipelines.labelled_pictures import LabelledPictures

    manifest = Manifest(pd.DataFrame({"image": pictures}), None, UNKNOWN_SCALE)
    settings = MlspSettings()
    job = MlspJob(LabelledPictures.of(manifest), folder, Path(model), settings, shard_pictures=SHARD_PICTURES)
    (Path(folder) / "parts").mkdir(parents=True)
    (Path(folder) / "model.keras").symlink_to(Path(model).resolve())
    network = _network(job.works[0])  # the very one that extraction uses
    batches: list[NDArray[np.uint8]] = []

    def keep(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        batches.append(batch)
        return np.zeros((len(batch), network.features), np.float32)

    def whole(work: Any) -> None:
        clock.add(write_shard(work).seconds)

    def bare(_: Any) -> None:
        for batch in batches:
            network(batch)

    turns, early = [], 0.0
    for number, work in enumerate([job.works[0], *job.works]):  # the first traces the graphs
        batches.clear()
        Extraction(work, keep, Clock(PARTS)).run()
        if number < 2:
            clock = Clock(PARTS)
        order = (whole, bare) if number % 2 else (bare, whole)
        took = {}
        for function in order:
            barrier.wait(PATIENCE)
            start, processor = time.perf_counter(), time.process_time()
            function(work)
            took[function] = time.perf_counter() - start, time.process_time() - processor
        if number:
            turns.append((took[whole], took[bare]))
        if number == math.ceil(len(job.works) / 10):
            early = memory()
    return turns, (early, memory()), clock.seconds


def compare_copy(model: str) -> None:
    """Prints seconds of a batch by the network and by the model that it is a copy of, and how far they are apart."""
    import keras
    import tensorflow as tf

    from tfiqa.features.mlsp.network import MlspNetwork
    from tfiqa.weights.build import read_model

    read = read_model(model)
    graph = tf.function(keras.Model(read.inputs[0], read.get_layer("mlsp").output))
    batch = np.random.default_rng(0).integers(0, 256, (BATCH, *SIZE, 3), dtype=np.uint8)
    network = MlspNetwork(read)
    works: dict[str, Callable[[], NDArray[np.float32]]] = {
        "Keras": lambda: graph(batch.astype(np.float32)).numpy(),
        "ours": lambda: network(batch),
    }
    values = [work() for work in works.values()]
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(TURNS):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    theirs, ours = (median(each) for each in seconds.values())
    apart = np.abs(values[1] - values[0]).max() / np.abs(values[0]).mean()
    print(
        f"{BATCH} pictures of {SIZE[1]}x{SIZE[0]}: Keras {theirs:.3f} s, ours {ours:.3f} s, {theirs / ours:.2f} times as fast"
    )
    print(f"largest difference {apart:.1e} of the mean feature")


def one_picture(model: str, megapixels: float) -> tuple[float, float, float, float]:
    """Processor time of a picture in seconds, the first time and again; GB in the end, and before."""
    from tfiqa.features.mlsp.network import MlspNetwork

    network = MlspNetwork.load(model)
    height = round(math.sqrt(megapixels * 1e6 / ASPECT))
    shape = 1, height, round(height * ASPECT), 3
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    network(picture[:, :96, :96])  # prepares the graph for small ones
    before = memory()
    seconds = []
    for _ in range(2):
        start = time.process_time()
        network(picture)
        seconds.append(time.process_time() - start)
    return seconds[0], seconds[1], memory(), before


def compare_bfloat16(model: str, pictures: list[str]) -> None:
    """Prints the error of bfloat16: by tap, and of the ranks of a linear score."""
    from scipy.stats import spearmanr

    from tfiqa.features.mlsp.network import MlspNetwork
    from tfiqa.pipelines.precision import has_bfloat16
    from tfiqa.weights.build import read_model

    read = read_model(model)
    features, seconds = [], []
    for precision in ("float32", "bfloat16"):
        network = MlspNetwork(read, precision)
        start = time.perf_counter()
        features.append(np.concatenate([network(decode_picture(path)[None]) for path in pictures]).astype(np.float64))
        seconds.append(time.perf_counter() - start)
    exact, rounded = features
    scale = np.empty(exact.shape[1])  # the root mean square of each layer's features
    print(f"{len(pictures)} pictures; error over the root mean square of the layer's features")
    print("| layer | median | worst |\n| --- | --- | --- |")
    first = 0
    for tap in MLSP_TAPS[read.info.options["body"]]:
        columns = slice(first, first := first + tap.features)
        scale[columns] = np.sqrt(np.mean(exact[:, columns] ** 2))
        error = np.abs(rounded[:, columns] - exact[:, columns]) / scale[columns]
        print(f"| {tap.layer} | {np.median(error):.1e} | {error.max():.1e} |")
    weights = np.random.default_rng(0).normal(size=exact.shape[1])
    spread = exact.std(axis=0)
    for name, by in (("layer", scale), ("feature", np.where(spread > 0, spread, np.inf))):
        ranks = spearmanr(exact @ (weights / by), rounded @ (weights / by)).statistic
        print(f"a random linear score of features standardised by {name} keeps its ranks with SRCC {ranks:.4f}")
    how = (
        f"{seconds[0] / seconds[1]:.2f} times as fast"
        if has_bfloat16()
        else "emulated here, so its speed tells nothing"
    )
    print(f"bfloat16 {how}")


def memory() -> float:
    """GB that this process held at most so far."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 2**20


if __name__ == "__main__":
    main()
