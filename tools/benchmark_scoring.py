"""From encoded pictures to scores: pictures a second, the time of 12 megapixels, memory and start, beside a ResNet-18.

    python tools/benchmark_scoring.py [--model FOLDER|FILE.keras] [--runs 7] [--pictures 16] [--starts 2] [--no-torch]

JPEGs of 640x480 go through `Scorer.rows` as a list, on all processors and with the threads that `tfiqa score` uses; one of 12
megapixels is scored alone. A fresh process scores one picture of each size: "start" is the time from the process's start to the
score, "memory" its largest resident memory (VmHWM, so Linux alone). Beside it stands what a score of a common small network would
take: torchvision's ResNet-18 in PyTorch, random weights, inference mode, as many threads. Its pictures are decoded in full by
Pillow in threads that work ahead, get the size of the model's protocol, and go through the network whole and one at a time. `pip
install tfiqa[benchmark]` brings it.

The two take turns. A time is the least of all turns, a ratio the median of the turns' ratios: on a machine with other work trust
the ratios. Without --model it is the model that comes with tfiqa.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the commands do
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image

SMALL, LARGE = (640, 480), (4000, 3000)
NOISE = 4.0  # grey levels; with it a JPEG of 12 megapixels has 3 MB, as those of phones
QUALITY = 92
AIMS = {"a second": 60.0, "seconds": 0.5, "gigabytes": 1.0}
TFIQA, TORCH = "tfiqa", "ResNet-18"
SEVERAL, ALONE = "640x480", "12 megapixels"
CHANNEL_MEAN, CHANNEL_DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # torchvision's, in levels

Score = Callable[[list[bytes]], list[float]]


def photograph(size: tuple[int, int], number: int = 0) -> bytes:
    """A JPEG with the detail and the noise of a photograph: a part of one that scikit-image ships, another for each number."""
    from skimage import data

    source = Image.fromarray(data.astronaut()).crop((4 * number, 4 * number, 4 * number + 400, 4 * number + 300))
    pixels = np.asarray(source.resize(size, Image.Resampling.BICUBIC), float)
    noise = np.random.default_rng(number).normal(0, NOISE, (*pixels.shape[:2], 1))
    stream = io.BytesIO()
    Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8)).save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def of_tfiqa(model: Path, several: bool = False) -> Score:
    """Scores by the model, loaded for several pictures or for one."""
    from tfiqa.cli.list_scorer import list_scorer
    from tfiqa.serving.scorer import Scorer

    scorer = list_scorer(model) if several else Scorer.load(model)

    def score(pictures: list[bytes]) -> list[float]:
        rows = list(scorer.rows(pictures))
        if failed := [row["error"] for row in rows if row["error"]]:
            raise SystemExit(failed[0])
        return [float(row["quality"]) for row in rows]

    return score


def of_torch(resize: str) -> Score:
    """What stands for scores of a ResNet-18 that sees pictures after this resize policy."""
    import torch
    import torchvision

    from tfiqa.images.resize import parse_policy
    from tfiqa.in_order import map_in_order

    threads = os.cpu_count() or 1
    torch.set_num_threads(threads)
    network = torchvision.models.resnet18(weights=None).eval()
    policy = parse_policy(resize)

    def prepared(data: bytes) -> Any:
        picture = policy.apply(np.array(Image.open(io.BytesIO(data)).convert("RGB")))
        pixels = torch.from_numpy(picture).permute(2, 0, 1).float()
        shift, scale = (torch.tensor(values)[:, None, None] for values in (CHANNEL_MEAN, CHANNEL_DEVIATION))
        return ((pixels - shift) / scale)[None]

    def score(pictures: list[bytes]) -> list[float]:
        with torch.inference_mode():
            return [float(network(each)[0, 0]) for each in map_in_order(prepared, pictures, threads)]

    return score


@dataclass
class Turns:
    """Seconds of each kind, turn by turn."""

    seconds: dict[str, list[float]]

    def least(self, kind: str) -> float:
        """Of all turns."""
        return min(self.seconds[kind])

    def ratio(self) -> float:
        """How many times tfiqa's the other's time is, the median of the turns' ratios."""
        return float(np.median(np.divide(self.seconds[TORCH], self.seconds[TFIQA])))


def take_turns(work: dict[str, Score], pictures: list[bytes], runs: int) -> Turns:
    """Times each kind on the pictures, one after the other in every turn; a first turn does not count."""
    turns = Turns({kind: [] for kind in work})
    for run in range(runs + 1):
        for kind, score in work.items():
            begin = time.perf_counter()
            score(pictures)
            if run:
                turns.seconds[kind].append(time.perf_counter() - begin)
    return turns


def fresh_process(kind: str, model: str, picture: Path, starts: int) -> tuple[float, float]:
    """Seconds from a process's start to its score, and its largest resident memory in gigabytes; the least of some processes."""
    command = [sys.executable, __file__, "--child", kind, "--model", model, "--picture", str(picture)]
    found = []
    for _ in range(starts):
        begin = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            line = process.stdout.readline()
            seconds = time.perf_counter() - begin
            said = process.stderr.read()
        if not line:
            raise SystemExit(f"{said}\nthe process of {kind} gave no score")
        found.append((seconds, json.loads(line)["gigabytes"]))
    return min(seconds for seconds, _ in found), min(memory for _, memory in found)


def child(kind: str, model: str, picture: Path) -> None:
    """Scores one picture and prints how much memory that took."""
    score = of_tfiqa(Path(model)) if kind == TFIQA else of_torch(model)
    score([picture.read_bytes()])
    status = Path("/proc/self/status").read_text().splitlines()
    (peak,) = (int(line.split()[1]) for line in status if line.startswith("VmHWM:"))  # kB
    print(json.dumps({"gigabytes": peak * 1024 / 1e9}), flush=True)


def report(model: Path, resize: str, arguments: argparse.Namespace) -> Iterator[str]:
    """The lines to print, as they are measured."""
    yield f"{model}, {resize}, {os.cpu_count()} processors"
    with tempfile.TemporaryDirectory() as folder:
        for name, data in ((SEVERAL, photograph(SMALL)), (ALONE, photograph(LARGE))):
            file = Path(folder) / "picture.jpg"
            file.write_bytes(data)
            for kind in kinds(arguments):
                seconds, memory = fresh_process(kind, str(model) if kind == TFIQA else resize, file, arguments.starts)
                yield f"{name:14} {kind:10} start {seconds:6.2f} s   memory {memory:5.2f} GB{aim(kind, 'gigabytes', 'below')}"
    for name in (SEVERAL, ALONE):  # each in a process of its own, as they differ in TensorFlow's threads
        command = [sys.executable, __file__, *sys.argv[1:], "--model", str(model), "--resize", resize, "--turns", name]
        yield subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.rstrip()


def report_turns(name: str, model: Path, resize: str, arguments: argparse.Namespace) -> Iterator[str]:
    """The lines of pictures of one size."""
    several = name == SEVERAL
    pictures = [photograph(SMALL, number) for number in range(arguments.pictures)] if several else [photograph(LARGE)]
    compared = kinds(arguments)
    work = {kind: of_tfiqa(model, several) if kind == TFIQA else of_torch(resize) for kind in compared}
    turns = take_turns(work, pictures, arguments.runs)
    for kind in compared:
        least = turns.least(kind)
        figure = (
            f"{len(pictures) / least:6.1f} a second{aim(kind, 'a second', 'at least')}"
            if several
            else f"{least:6.3f} s{aim(kind, 'seconds', 'below')}"
        )
        beside = f"   {turns.ratio():.2f} times as fast as {TORCH}" if kind == TFIQA and TORCH in compared else ""
        yield f"{name:14} {kind:10} {figure}{beside}"


def kinds(arguments: argparse.Namespace) -> list[str]:
    """What is measured."""
    return [TFIQA] if arguments.no_torch else [TFIQA, TORCH]


def aim(kind: str, figure: str, words: str) -> str:
    """The aim of a figure of tfiqa in brackets."""
    return f" (aim: {words} {AIMS[figure]:g})" if kind == TFIQA else ""


def main() -> None:
    """Prints a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="an exported folder, a run or a .keras file")
    parser.add_argument("--runs", type=int, default=7, help="turns")
    parser.add_argument("--pictures", type=int, default=16, help="of 640x480, at most 28")
    parser.add_argument("--starts", type=int, default=2, help="processes for each kind and size")
    parser.add_argument("--no-torch", action="store_true", help="tfiqa alone")
    parser.add_argument("--turns", choices=(SEVERAL, ALONE), help=argparse.SUPPRESS)
    parser.add_argument("--resize", help=argparse.SUPPRESS)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--picture", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.model, arguments.picture)
        return

    if arguments.turns:
        lines = report_turns(arguments.turns, Path(arguments.model), arguments.resize, arguments)
    else:
        from tfiqa.serving.scorer import Scorer
        from tfiqa.serving.shipped_model import shipped_model

        model = Path(arguments.model) if arguments.model else shipped_model()
        lines = report(model, Scorer.load(model).info.protocol.resize, arguments)
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main()
