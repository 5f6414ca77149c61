"""What `benchmark_full_reference.py` times, in a process of its own: the measures of tfiqa, or those of piq.

Requests come as lines of JSON on standard input, answers go to standard output. It needs nothing but NumPy and the one
package, so that piq can live in another environment.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

ALL = "all"
TURN_SECONDS = 0.25  # a turn is the best of the calls that fit
# tfiqa's name, piq's function, its arguments, whether it takes grey pictures.
IN_PIQ: dict[str, tuple[str, dict[str, Any], bool]] = {
    "ssim": ("ssim", {"downsample": False}, True),
    "ms_ssim": ("multi_scale_ssim", {}, True),
    "iw_ssim": ("information_weighted_ssim", {}, True),
    "mdsi": ("mdsi", {}, False),
    "vsi": ("vsi", {}, False),
    "fsimc": ("fsim", {"chromatic": True}, False),
    "gmsd": ("gmsd", {}, False),
    "sr_sim": ("srsim", {}, False),
}
Work = Callable[[], Any]
Package = tuple[str, Sequence[str], Callable[[str, np.ndarray, np.ndarray], Work]]


def tfiqa_work(threads: int) -> Package:
    """Its version, its measures, and a function from a measure's name and pictures (N, H, W, 3) to what is timed."""
    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()

    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)

    from tfiqa import full_reference

    def work(name: str, reference: np.ndarray, distorted: np.ndarray) -> Work:
        if name == ALL:
            return lambda: {
                key: value.numpy() for key, value in full_reference.measure_all(reference, distorted).items()
            }
        return lambda: getattr(full_reference, name)(reference, distorted).numpy()

    return f"TensorFlow {tf.__version__}", full_reference.ELEVEN, work


def piq_work(threads: int) -> Package:
    """The same of piq."""
    import piq
    import torch

    torch.set_num_threads(threads)

    def one(name: str, pictures: Sequence[Any]) -> Work:
        function, options, takes_grey = IN_PIQ[name]
        if takes_grey:
            weights = torch.tensor((0.299, 0.587, 0.114)).reshape(1, 3, 1, 1)
            pictures = [(picture * weights).sum(1, keepdim=True) for picture in pictures]
        return lambda: getattr(piq, function)(*pictures, data_range=255, reduction="none", **options).numpy()

    def work(name: str, reference: np.ndarray, distorted: np.ndarray) -> Work:
        pictures = [torch.from_numpy(x).permute(0, 3, 1, 2).contiguous().float() for x in (reference, distorted)]
        parts = [one(each, pictures) for each in (IN_PIQ if name == ALL else (name,))]
        return lambda: [part() for part in parts]

    torch.set_grad_enabled(False)
    return f"piq {piq.__version__} with torch {torch.__version__}", tuple(IN_PIQ), work


def serve(side: str, folder: Path, threads: int) -> None:
    """Answers requests, a line of JSON each: the best time of a measure in one turn, or the peak memory of one call."""
    version, measures, work = {"tfiqa": tfiqa_work, "piq": piq_work}[side](threads)
    print(json.dumps([version, measures]), flush=True)
    known: dict[str, Work] = {}
    for line in sys.stdin:
        name, size, batch = json.loads(line)
        if line not in known:
            pictures = [
                np.load(folder / f"{role} {size[0]}x{size[1]}.npy")[:batch] for role in ("reference", "distorted")
            ]
            known = {line: work(name, *pictures)}  # larger pictures need the memory of smaller ones
            known[line]()
        print(json.dumps([best_time(known[line]), peak_memory()]), flush=True)


def best_time(run: Work) -> float:
    """Seconds of the fastest call in one turn."""
    times: list[float] = []
    while sum(times) < TURN_SECONDS:
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def peak_memory() -> float:
    """The most memory that this process has held so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts KiB


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side", choices=["tfiqa", "piq"])
    parser.add_argument("folder", type=Path, help="Pictures, as the benchmark saved them.")
    parser.add_argument("threads", type=int)
    serve(**vars(parser.parse_args()))
