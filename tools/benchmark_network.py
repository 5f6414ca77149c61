"""How long a training step and the scoring of one picture take, with and without oneDNN's kernels.

    python tools/benchmark_network.py [--backbone resnet50] [--crop 128]

Each setting runs in a process of its own, since TensorFlow reads it at start-up. On a noisy machine trust the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

BATCH = 16  # crops in a training step, as in SPAQ's recipes
PATCHES = 24  # of a 4:3 picture with shorter side 512
RUNS = 3


def measure(backbone: str, crop: int) -> dict[str, float]:
    """Seconds of a training step and of scoring one picture's patches, the best of a few runs."""
    import keras
    import numpy as np

    import tfiqa
    from tfiqa.pipelines.scoring import network_function

    rng = np.random.default_rng(0)
    model = tfiqa.build_model("spaq_bl", backbone=backbone)
    model.compile(keras.optimizers.Adam(), loss={"quality": "mae"}, jit_compile=False)
    crops = rng.integers(0, 256, (BATCH, crop, crop, 3)).astype(np.float32)
    scores = {"quality": rng.uniform(0, 100, (BATCH, 1))}
    network = network_function(model)
    patches = rng.integers(0, 256, (PATCHES, 224, 224, 3)).astype(np.uint8)
    work = {"training step": lambda: model.train_on_batch(crops, scores), "scoring": lambda: network(patches, None)}
    seconds = {}
    for name, run in work.items():
        run()  # traces the graph
        times = []
        for _ in range(RUNS):
            started = time.perf_counter()
            run()
            times.append(time.perf_counter() - started)
        seconds[name] = min(times)
    return seconds


def main() -> None:
    """Measures both settings and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="resnet50")
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.backbone, arguments.crop)))
        return
    found = {}
    for setting in ("0", "1"):
        environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": setting, "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [
            sys.executable,
            __file__,
            "--measure",
            "--backbone",
            arguments.backbone,
            "--crop",
            str(arguments.crop),
        ]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        found[setting] = json.loads(done.stdout.splitlines()[-1])
    print(f"{'seconds':15} oneDNN off      on   ratio")
    for name in found["0"]:
        off, on = found["0"][name], found["1"][name]
        print(f"{name:15} {off:10.2f} {on:7.2f} {off / on:7.2f}")


if __name__ == "__main__":
    main()
