"""How fast the full-reference measures are, beside piq, and what they cost as pictures grow.

    python tools/benchmark_full_reference.py [--piq-python PYTHON] [--threads N] [--sizes] [--memory] [--profile]

Without a flag: milliseconds a pair of 512x384, singly and in batches of 16, of every measure and of all eleven at once,
beside piq (`pip install -e '.[benchmark]'`, or --piq-python names an interpreter that has it). The two run in processes
of their own on the same processors and take turns, so that noise hits both; the ratio is the median of the turns',
milliseconds are the best. tfiqa takes uint8 arrays, as decoded; piq takes float tensors that were made beforehand, and
grey ones, as tfiqa computes them, for the three SSIMs.

--sizes     milliseconds of one pair from 0.1 to 12 megapixels
--memory    the peak memory of one pair of 12 megapixels, each measure in a process of its own
--profile   where the time of all eleven goes: by measure, and by kind of TensorFlow operation
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from full_reference_process import ALL, IN_PIQ

if TYPE_CHECKING:
    from PIL import Image

SIZE = (512, 384)  # width and height
BATCH = 16
MEGAPIXELS = (0.1, 0.2, 0.5, 1, 2, 4, 8, 12)
LEAST_TURNS, TURNS = 3, 9
PATIENCE = 10  # seconds, after which the least turns are enough
AIM_EACH, AIM_ALL = 2, 3  # times piq's speed: each measure that both have; all eleven against piq's eight


class Side:
    """A process with one of the two packages, held to some processors."""

    def __init__(self, side: str, python: str, folder: Path, threads: int) -> None:
        processors = sorted(os.sched_getaffinity(0))[:threads]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "TF_CPP_MIN_LOG_LEVEL": "3"}
        program = Path(__file__).with_name("full_reference_process.py")
        self._process = subprocess.Popen(
            [python, program, side, folder, str(threads)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, processors),
        )
        self.version, self.measures = self._answer()

    def ask(self, name: str, size: tuple[int, int], batch: int) -> tuple[float, float]:
        """Seconds of the best call, and MiB of peak memory so far."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps([name, size, batch]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            sys.exit("a process has ended; see above (piq: pip install -e '.[benchmark]', --piq-python or --no-piq)")
        return json.loads(line)


def save_pictures(folder: Path, size: tuple[int, int], count: int) -> None:
    """Photographs at one size and distorted versions of them: (count, H, W, 3) uint8 in two files."""
    from PIL import Image
    from skimage import data

    names = ("astronaut", "coffee", "chelsea", "rocket")
    photographs = [Image.fromarray(getattr(data, name)()).resize(size, Image.Resampling.BICUBIC) for name in names]
    references = [photographs[place % len(names)] for place in range(count)]
    distorted = [distort(picture, place % 3, 1 + place // 3) for place, picture in enumerate(references)]
    for role, pictures in (("reference", references), ("distorted", distorted)):
        np.save(folder / f"{role} {size[0]}x{size[1]}.npy", np.stack([np.asarray(picture) for picture in pictures]))


def distort(picture: Image.Image, kind: int, strength: int) -> Image.Image:
    """The picture blurred, with noise, or as a poor JPEG."""
    from PIL import Image, ImageFilter

    if kind == 0:
        return picture.filter(ImageFilter.GaussianBlur(strength))
    if kind == 1:
        noise = np.random.default_rng(strength).normal(0, 8 * strength, (picture.height, picture.width, 3))
        return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=40 - 5 * strength)
    return Image.open(file)


def turns(sides: Sequence[Side], names: Sequence[str | None], size: tuple[int, int], batch: int) -> list[list[float]]:
    """Milliseconds a pair in each turn, for each side; one whose name is None sits out."""
    found: list[list[float]] = [[] for _ in sides]
    started = time.perf_counter()
    while len(found[0]) < LEAST_TURNS or (len(found[0]) < TURNS and time.perf_counter() - started < PATIENCE):
        for side, name, times in zip(sides, names, found, strict=True):
            if name is not None:
                times.append(side.ask(name, size, batch)[0] * 1000 / batch)
    return found


def show_speed(sides: Sequence[Side], folder: Path) -> None:
    """The table of all measures, singly and in batches."""
    save_pictures(folder, SIZE, BATCH)
    print(f"milliseconds a pair of {SIZE[0]}x{SIZE[1]}")
    print(f"{'':12} {'singly':^26} {f'in batches of {BATCH}':^26}")
    print(f"{'':12}" + f" {'tfiqa':>8} {'piq':>8} {'ratio':>8}" * 2)
    whole: dict[int, tuple[float, float]] = {}
    for name in (*sides[0].measures, ALL):
        line = f"{'all' if name == ALL else name:12}"
        for batch in (1, BATCH):
            has_both = len(sides) > 1 and (name in IN_PIQ or name == ALL)
            times = turns(sides, [name, name if has_both else None][: len(sides)], SIZE, batch)
            line += f" {min(times[0]):8.2f}"
            if has_both:
                ratio = statistics.median(theirs / ours for ours, theirs in zip(*times, strict=True))
                line += f" {min(times[1]):8.2f} {ratio:8.2f}"
            else:
                ratio = math.nan
                line += f" {'':8} {'':8}"
            whole[batch] = min(times[0]), ratio
        print(line, flush=True)
    for batch, (ours, ratio) in whole.items():
        aim = "" if math.isnan(ratio) else f"; {ratio:.2f} times as fast as piq's {len(IN_PIQ)} (aim: {AIM_ALL})"
        print(f"all eleven {'singly' if batch == 1 else 'in batches'}: {1000 / ours:.1f} pairs a second{aim}")
    print(f"(the aim for each measure that both have is {AIM_EACH})")


def show_sizes(sides: Sequence[Side], folder: Path) -> None:
    """Milliseconds of one pair by megapixels."""
    sizes = [(4 * round(math.sqrt(each * 1e6 / 12)), 3 * round(math.sqrt(each * 1e6 / 12))) for each in MEGAPIXELS]
    for size in sizes:
        save_pictures(folder, size, 1)
    print("milliseconds of one pair")
    print(f"{'megapixels':14}" + "".join(f"{each:10g}" for each in MEGAPIXELS))
    for name in (*sides[0].measures, ALL):
        times = [min(turns(sides[:1], [name], size, 1)[0]) for size in sizes]
        print(f"{'all eleven' if name == ALL else name:14}" + "".join(f"{each:10.1f}" for each in times), flush=True)
    rate = [each * 1e6 / (width * height) for each, (width, height) in zip(times, sizes, strict=True)]
    print(f"{'  ns a pixel':14}" + "".join(f"{each:10.0f}" for each in rate))
    if len(sides) > 1:
        times = [min(turns(sides[1:], [ALL], size, 1)[0]) for size in sizes]
        print(f"{'piq, eight':14}" + "".join(f"{each:10.1f}" for each in times), flush=True)


def show_memory(start: Callable[[], Side], measures: Sequence[str], folder: Path) -> None:
    """Peak memory of one large pair, with what TensorFlow and a small pair take."""
    small, large = (64 * 4, 64 * 3), (4000, 3000)
    for size in (small, large):
        save_pictures(folder, size, 1)
    print("MiB of peak memory: after a pair of 256x192, after one of 4000x3000 (12 megapixels)")
    for name in (*measures, ALL):
        side = start()
        print(f"{name:12} {side.ask(name, small, 1)[1]:8.0f} {side.ask(name, large, 1)[1]:8.0f}", flush=True)
        side.close()


def show_profile(side: Side, folder: Path) -> None:
    """The time of all eleven by measure."""
    save_pictures(folder, SIZE, BATCH)
    alone = {name: min(turns([side], [name], SIZE, 1)[0]) for name in side.measures}
    together = min(turns([side], [ALL], SIZE, 1)[0])
    total = sum(alone.values())
    print(f"milliseconds of one pair of {SIZE[0]}x{SIZE[1]}, each measure alone")
    for name, each in sorted(alone.items(), key=lambda item: -item[1]):
        print(f"{name:12} {each:8.2f} {each / total:6.0%}")
    print(f"{'sum':12} {total:8.2f}\n{'together':12} {together:8.2f}  (they share {1 - together / total:.0%})\n")


def show_operations(folder: Path, threads: int, shown: int = 20) -> None:
    """The time of all eleven by kind of operation: their graph for one size, its operations one after another."""
    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()

    import tensorflow as tf

    from tfiqa import full_reference

    v1 = tf.compat.v1
    pictures = [np.load(folder / f"{role} {SIZE[0]}x{SIZE[1]}.npy")[:1] for role in ("reference", "distorted")]
    specification = [tf.TensorSpec(picture.shape, tf.uint8) for picture in pictures]
    traced = tf.function(full_reference.measure_all, autograph=False).get_concrete_function(*specification)
    values = [*pictures, *(captured.numpy() for captured in traced.captured_inputs)]
    feeds = {tensor.name: value for tensor, value in zip(traced.inputs, values, strict=True)}
    fetches = [tensor.name for tensor in traced.outputs]
    kinds = {node.name: node.op for node in traced.graph.as_graph_def().node}
    settings = v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=1)
    with tf.Graph().as_default() as graph, v1.Session(graph=graph, config=settings) as session:
        tf.import_graph_def(traced.graph.as_graph_def(), name="")
        options = v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE)
        best: dict[str, tuple[float, int]] = {}
        for _ in range(TURNS):
            record = v1.RunMetadata()
            session.run(fetches, feeds, options=options, run_metadata=record)
            spent: dict[str, list[float]] = defaultdict(list)
            for device in record.step_stats.dev_stats:
                for node in device.node_stats:
                    kind = kinds.get(node.node_name, node.timeline_label.partition(" = ")[2].partition("(")[0])
                    spent[kind or node.node_name].append(node.op_end_rel_micros - node.op_start_rel_micros)
            found = {kind: (sum(times) / 1000, len(times)) for kind, times in spent.items()}
            if not best or sum(ms for ms, _ in found.values()) < sum(ms for ms, _ in best.values()):
                best = found
    total = sum(ms for ms, _ in best.values())
    print(f"milliseconds by kind of operation (number), of {total:.1f}")
    for kind, (ms, count) in sorted(best.items(), key=lambda item: -item[1][0])[:shown]:
        print(f"{kind:28} {ms:8.2f} {ms / total:6.0%} {count:6}")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--piq-python", default=sys.executable, help="An interpreter that can import piq.")
    parser.add_argument("--no-piq", action="store_true", help="tfiqa alone.")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    for flag in ("--sizes", "--memory", "--profile"):
        parser.add_argument(flag, action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run(arguments, Path(name))


def run(arguments: argparse.Namespace, folder: Path) -> None:
    """What the flags ask for."""
    threads = arguments.threads
    ours = Side("tfiqa", sys.executable, folder, threads)
    sides = [ours]
    if not (arguments.no_piq or arguments.memory or arguments.profile):
        sides.append(Side("piq", arguments.piq_python, folder, threads))
    print(f"{', '.join(side.version for side in sides)}; {threads} threads")
    if arguments.sizes:
        show_sizes(sides, folder)
    elif arguments.memory:
        ours.close()
        show_memory(lambda: Side("tfiqa", sys.executable, folder, threads), ours.measures, folder)
    elif arguments.profile:
        show_profile(ours, folder)
        ours.close()
        show_operations(folder, threads)
    else:
        show_speed(sides, folder)


if __name__ == "__main__":
    main()
