"""Where the time of DCNNS goes: decoding, cutting, normalising, the network; the model in every form; memory; what int8 changes.

    python tools/benchmark_dcnns.py [--model dcnns.keras] [--runs 7] [--pictures FOLDER]

Two JPEGs made of scikit-image's pictures, 4000x3000 (475 patches) and 512x512 (9). "wall" is the time that passes, the best of
some runs, which take turns; "processor" is that of all threads, half of which is what two idle cores need at best for what runs
in parallel (decoding and cutting do not). On a machine with other work trust the processor time and the ratios.
Without --model the weights are random, and the scores mean nothing. --pictures compares the forms' scores on one half of a
folder's pictures; the other half sets the ranges of int8.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the commands do
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

SIZES = {"12 megapixels": (4000, 3000), "512x512": (512, 512)}
NOISE = 4.0  # grey levels; with it a JPEG of 12 megapixels has 3 MB, as those of phones
QUALITY = 92
PASS = 32  # patches, as `Scorer` has it
FORMS = {"model.keras": "Scorer", "saved": "SavedModel", "float.tflite": "LiteRT float", "int8.tflite": "LiteRT int8"}


def photograph(width: int, height: int) -> bytes:
    """A JPEG with the detail and the noise of a photograph."""
    from skimage import data

    enlarged = Image.fromarray(data.rocket()).resize((width, height), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(0).normal(0, NOISE, (height, width, 1))
    stream = io.BytesIO()
    pixels = np.clip(np.asarray(enlarged) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def write_forms(model: str | None, pictures: list[Path], folder: Path) -> None:
    """The model in every form of FORMS, in a folder."""
    import keras

    import tfiqa
    from tfiqa.serving.litert_export import export_litert
    from tfiqa.serving.package import export_model
    from tfiqa.weights.build import read_model

    keras.utils.set_random_seed(0)
    network = tfiqa.build_model("dcnns") if model is None else read_model(model)
    network.save(folder / "model.keras")
    export_model(network, folder / "saved")
    export_litert(network, folder / "float.tflite")
    export_litert(network, folder / "int8.tflite", pictures)


def size_of(path: Path) -> int:
    """Bytes of a file or a folder."""
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())


def stages(folder: Path, encoded: bytes) -> dict[str, Callable[[], object]]:
    """The steps that scoring a picture takes, and the whole in every form."""
    import keras
    import tensorflow as tf

    from tfiqa import Scorer
    from tfiqa.images.decode import decode_picture
    from tfiqa.weights.build import read_model

    model = read_model(folder / "model.keras")
    picture = decode_picture(encoded)
    patches = model.info.protocol.prepare(picture).astype(np.float32)

    def passes(first: str | None, last: str, given: np.ndarray) -> Callable[[], np.ndarray]:
        source = model.input if first is None else model.get_layer(first).input
        part = keras.Model(source, model.get_layer(last).output)
        signature = [tf.TensorSpec((None, None, None, given.shape[-1]), tf.float32)]
        graph = tf.function(lambda x: part(x, training=False), input_signature=signature, autograph=False)
        return lambda: np.concatenate([graph(given[at : at + PASS]).numpy() for at in range(0, len(given), PASS)])

    grey = passes(None, "grey", patches)
    contrast = passes("local_contrast", "local_contrast", grey())
    network = passes("conv1_1", "quality_fc3", contrast())
    scorers = {name: Scorer.load(folder / form) for form, name in FORMS.items()}
    return {
        "decode": lambda: decode_picture(encoded),
        "cut": lambda: model.info.protocol.prepare(picture),
        "grey": grey,
        "local contrast": contrast,
        "convolutions, head": network,
        **{name: lambda scorer=scorer: scorer.score(encoded) for name, scorer in scorers.items()},
    }


def best_times(work: dict[str, Callable[[], object]], runs: int) -> dict[str, tuple[float, float]]:
    """Milliseconds on the wall and of the processor, the least of runs that take turns; the first, which trace, do not count."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for run in range(runs + 1):
        for name, function in work.items():
            wall, processor = time.perf_counter(), time.process_time()
            function()
            if run:
                times[name].append((time.perf_counter() - wall, time.process_time() - processor))
    return {name: (1000 * min(w for w, _ in each), 1000 * min(p for _, p in each)) for name, each in times.items()}


def print_times(folder: Path, runs: int) -> None:
    """A row a stage and form."""
    for title, size in SIZES.items():
        encoded = photograph(*size)
        found = best_times(stages(folder, encoded), runs)
        print(f"\n{title}, {len(encoded) / 1e6:.2f} MB; load {os.getloadavg()[0]:.1f}")
        print(f"{'milliseconds':20} {'wall':>8} {'processor':>10}")
        for name, (wall, processor) in found.items():
            print(f"{name:20} {wall:8.1f} {processor:10.1f}")


def peak_beyond_the_picture(form: Path) -> float:
    """MB that scoring the large picture adds at its peak to a process that has scored the small one, less its pixels."""
    from tfiqa import Scorer

    small, large = (photograph(*size) for size in reversed(SIZES.values()))
    scorer = Scorer.load(form)
    scorer.score(small)
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to what is held now
    scorer.score(large)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    width, height = SIZES["12 megapixels"]
    return (int(peak.split()[1]) * 1024 - before - 3 * width * height) / 1e6


def print_sizes(folder: Path) -> None:
    """A row a form: its bytes, and the memory of scoring, each in a process of its own."""
    print(f"\n{'':20} {'file KB':>8} {'memory beyond the picture MB':>30}")
    for form, name in FORMS.items():
        command = [sys.executable, __file__, "--measure-memory", str(folder / form)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        memory = json.loads(done.stdout.splitlines()[-1])
        print(f"{name:20} {size_of(folder / form) / 1e3:8.0f} {memory:30.0f}")


def print_differences(folder: Path, pictures: list[Path]) -> None:
    """A row a form: how far its scores are from the model's."""
    from scipy.stats import spearmanr

    from tfiqa import Scorer

    def scores(form: str) -> np.ndarray:
        return np.array([row["quality"] for row in Scorer.load(folder / form).rows(pictures)], np.float64)

    want, *others = (scores(form) for form in FORMS)
    print(f"\n{len(pictures)} pictures, scores with a standard deviation of {want.std():.4g}")
    print(f"{'difference':20} {'mean':>9} {'greatest':>9} {'SRCC':>7}")
    for name, found in zip(list(FORMS.values())[1:], others, strict=True):
        off: Any = np.abs(found - want)
        print(f"{name:20} {off.mean():9.2g} {off.max():9.2g} {spearmanr(found, want).statistic:7.4f}")


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a .keras file of dcnns")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--measure-memory", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure_memory:
        print(peak_beyond_the_picture(arguments.measure_memory))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        made = folder / "made.jpg"
        made.write_bytes(photograph(*SIZES["12 megapixels"]))
        pictures = [made]
        if arguments.pictures:
            from tfiqa.images.discovery import find_pictures

            pictures = find_pictures([arguments.pictures])
        write_forms(arguments.model, pictures[::2], folder)
        print_times(folder, arguments.runs)
        print_sizes(folder)
        if arguments.pictures:
            print_differences(folder, pictures[1::2])


if __name__ == "__main__":
    main()
