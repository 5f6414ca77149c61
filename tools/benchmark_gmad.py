"""How long a gMAD competition on a million pictures takes from score files, and how much memory.

    python tools/benchmark_gmad.py [--pictures 1000000] [--players 2] [--format csv|jsonl|parquet] [--manifest] [--pairs 1]

Runs `tfiqa gmad` on made score files in a process of its own and tells its time by the clock and of processor, and its largest
memory; the start of Python and its imports are included. No picture exists: the contact sheet shows every one as missing. With
--manifest the pictures and opinion scores come from a manifest with groups, of which no two pictures may pair.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

IN_A_GROUP = 25  # versions of one content, as in KADIS-700k
NOISE = 0.5  # of each player beside the common truth of deviation 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--players", type=int, default=2)
    parser.add_argument("--format", choices=("csv", "jsonl", "parquet"), default="csv")
    parser.add_argument("--manifest", action="store_true")
    parser.add_argument("--pairs", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources, data = make_files(folder, arguments)
        command = [str(Path(sys.executable).parent / "tfiqa"), "gmad", "--output", str(folder / "output")]
        command += ["--pairs", str(arguments.pairs), *(f"--model={source}" for source in sources)]
        if data is not None:
            command += ["--data", str(data), "--different-content"]
        seconds, processor, gigabytes, status = measured(command)
        size = sum(source.stat().st_size for source in sources) / 1e6
        print(
            f"{arguments.pictures:,} pictures, {arguments.players} players, {arguments.format} ({size:.0f} MB): "
            f"{seconds:.1f} s ({processor:.1f} s of processor), {gigabytes:.2f} GB, exit status {status}"
        )


def make_files(folder: Path, arguments: argparse.Namespace) -> tuple[list[Path], Path | None]:
    """A score file a player in no common order, and the manifest if asked for."""
    random = np.random.default_rng(0)
    count = arguments.pictures
    names = np.array([f"collection/{number // 1000:04}/photograph_{number:07}.jpg" for number in range(count)])
    truth = random.normal(size=count)
    sources = []
    for player in range(arguments.players):
        order = random.permutation(count)
        scores = truth + random.normal(0, NOISE, count)
        table = pd.DataFrame({"path": names[order], "quality": scores[order], "error": None})
        sources.append(folder / f"player{player}.{arguments.format}")
        if arguments.format == "csv":
            table.to_csv(sources[-1], index=False)
        elif arguments.format == "jsonl":
            table.to_json(sources[-1], orient="records", lines=True)
        else:
            table.to_parquet(sources[-1], index=False)
    if not arguments.manifest:
        return sources, None
    manifest = folder / "manifest.csv"
    groups = np.arange(count) // IN_A_GROUP
    pd.DataFrame({"image": names, "score": truth, "group": groups}).to_csv(manifest, index=False)
    return sources, manifest


def measured(command: list[str]) -> tuple[float, float, float, int]:
    """Seconds by the clock and of processor time, the largest resident memory in gigabytes and the exit status of a command."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6, os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    main()
