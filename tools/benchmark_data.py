"""How fast pictures reach a training step, and whether memory stays flat over a long manifest.

    python tools/benchmark_data.py [--pictures FOLDER] [--rows 100000]

Speed: pictures a second of (1) TensorFlow's JPEG decoder alone, on all cores, from memory: no pipeline can be faster;
(2) the training pipeline without resize and with SPAQ's; (3) a plain Pillow loop that does the same work. Without
--pictures, 1024x768 JPEGs of scikit-image's photographs are made. On a noisy machine trust the ratios; each is the best
of three.

Memory: the training pipeline over a manifest of --rows rows (small pictures, so that it ends); peak memory after
the first tenth and at the end.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image
from skimage import data as photographs

from tfiqa.cli.tensorflow_start import keep_freed_memory, keep_freed_memory_in_training
from tfiqa.images.decode import decode_picture
from tfiqa.images.discovery import find_pictures
from tfiqa.images.resize import parse_policy
from tfiqa.pipelines.batches import PictureBatches
from tfiqa.pipelines.training import CropSettings, training_dataset

CROP = 224
BATCH = 16
RUNS = 3
AT_LEAST = 200  # pictures in a run
SPAQ = "shorter_side:512"


def made_pictures(folder: Path, size: tuple[int, int]) -> list[Path]:
    """JPEGs of scikit-image's photographs at one size."""
    paths = []
    for name in ("astronaut", "chelsea", "coffee", "rocket"):
        paths.append(folder / f"{name}_{size[0]}.jpg")
        Image.fromarray(getattr(photographs, name)()).resize(size).save(paths[-1], quality=92)
    return paths


def pipeline(paths: list[Path], resize: str, crop: int = CROP) -> tf.data.Dataset:
    """One epoch of the training pipeline."""
    settings = CropSettings(resize, (crop, crop), flip=True, max_pixels=200_000_000)
    batches = PictureBatches({"quality": np.zeros((len(paths), 1), np.float32)}, 1, BATCH, seed=0)
    return training_dataset(paths, batches, settings, seed=0, first_epoch=0, epochs=1)


def bare_decoder(paths: list[Path]) -> tf.data.Dataset:
    """TensorFlow's decoder over files that are in memory already."""
    contents = tf.constant([path.read_bytes() for path in paths])
    return tf.data.Dataset.range(len(paths)).map(
        lambda place: tf.reduce_max(tf.io.decode_jpeg(contents[place], channels=3, dct_method="INTEGER_ACCURATE")),
        num_parallel_calls=tf.data.AUTOTUNE,
    )


def pillow_loop(paths: list[Path], resize: str) -> None:
    """What a script would do: decode, resize, crop, mirror, one picture after the other."""
    rng = np.random.default_rng(0)
    policy = parse_policy(resize)
    batch = []
    for path in paths:
        picture = policy.apply(decode_picture(path))
        row, column = rng.integers(picture.shape[0] - CROP + 1), rng.integers(picture.shape[1] - CROP + 1)
        crop = picture[row : row + CROP, column : column + CROP]
        batch.append((crop[:, ::-1] if rng.random() < 0.5 else crop).astype(np.float32))
        if len(batch) == BATCH:
            np.stack(batch)
            batch = []


def drain(dataset: tf.data.Dataset) -> None:
    """Runs a dataset to its end."""
    for _ in dataset:
        pass


def rate(work: Callable[[], None], pictures: int) -> float:
    """Pictures a second, the best of a few runs after one to warm up."""
    work()
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return pictures / min(seconds)


def show_speed(paths: list[Path]) -> None:
    """Prints pictures a second and their ratios."""
    paths = paths * -(-AT_LEAST // len(paths))
    decoder = rate(lambda: drain(bare_decoder(paths)), len(paths))
    print(f"{'pictures a second':28} {'tf.data':>8} {'Pillow':>8} {'to Pillow':>10} {'to decoder':>11}")
    print(f"{'decoder alone':28} {decoder:8.0f}")
    for resize in ("native", SPAQ):
        graph = rate(lambda resize=resize: drain(pipeline(paths, resize)), len(paths))
        loop = rate(lambda resize=resize: pillow_loop(paths, resize), len(paths))
        print(
            f"{f'crop {CROP}, resize {resize}':28} {graph:8.0f} {loop:8.0f} {graph / loop:10.2f} {graph / decoder:11.2f}"
        )


def peak_memory() -> float:
    """The most memory that this process has held so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts KiB


def show_memory(paths: list[Path], rows: int) -> None:
    """Prints peak memory along a long epoch."""
    started, steps = time.perf_counter(), -(-rows // BATCH)
    early = 0.0
    for step, _ in enumerate(pipeline((paths * -(-rows // len(paths)))[:rows], "native", crop=64), start=1):
        if step == steps // 10:
            early = peak_memory()
    late = peak_memory()
    seconds = time.perf_counter() - started
    print(f"memory over {rows} rows: {early:.0f} MiB after a tenth, {late:.0f} MiB at the end ({seconds:.0f} s)")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", help="A folder of JPEGs, each at least 224 pixels on a side.")
    parser.add_argument("--rows", type=int, default=100_000)
    arguments = parser.parse_args()
    keep_freed_memory()  # as the commands do, before any thread is started
    keep_freed_memory_in_training()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.pictures:
            paths = [path for path in find_pictures([arguments.pictures]) if path.suffix.lower() in (".jpg", ".jpeg")]
        else:
            paths = made_pictures(Path(folder), (1024, 768))
        show_speed(paths)
        show_memory(made_pictures(Path(folder), (96, 80)), arguments.rows)


if __name__ == "__main__":
    main()
