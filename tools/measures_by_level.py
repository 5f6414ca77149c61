"""How the eleven measures move with the level of each distortion: a Markdown table of means.

    tfiqa extract weak-labels --data pristine.csv --output labels/ --draw all --size 512x384
    python tools/measures_by_level.py labels/scores.parquet

A row is a type at a level; a column is a measure, its mean over the pictures. The last column is, over all pictures and
measures, the share of scores that are worse than at the level before; for the signed types than at the neighbour on the
side of level 3.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from tfiqa.cli.tensorflow_start import load_tensorflow
from tfiqa.distortions import DISTORTIONS, LEVELS, NUMBERS, Distortion

MILDEST_OF_SIGNED = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scores", type=Path, help="scores.parquet of `tfiqa extract weak-labels --draw all`")
    table = pd.read_parquet(parser.parse_args().scores)

    load_tensorflow()
    from tfiqa.full_reference import ELEVEN, higher_is_better

    signs = np.where(list(higher_is_better(ELEVEN).values()), 1, -1)
    print(f"{table['reference'].nunique()} pictures.\n")
    print("| type | level | " + " | ".join(ELEVEN) + " | worse |")
    print("| --- " * (len(ELEVEN) + 3) + "|")
    worsens = dict.fromkeys(ELEVEN, 0)
    for each in DISTORTIONS:
        rows = table[table["distortion"] == each.name].sort_values(["reference", "level"])
        scores = rows[list(ELEVEN)].to_numpy().reshape(-1, len(LEVELS), len(ELEVEN))  # pictures, levels, measures
        means = scores.mean(axis=0)
        for place, level in enumerate(LEVELS):
            before = _before(each, level)
            worse = "" if before is None else f"{(signs * (scores[:, place] - scores[:, before - 1]) < 0).mean():.0%}"
            cells = " | ".join(f"{value:.4f}" for value in means[place])
            print(f"| {NUMBERS[each.name]} {each.name} | {level} | {cells} | {worse} |")
        steps = [(level - 1, before - 1) for level in LEVELS if (before := _before(each, level)) is not None]
        for column, name in enumerate(ELEVEN):
            worsens[name] += all(
                signs[column] * (means[one, column] - means[other, column]) < 0 for one, other in steps
            )
    print(
        "\nTypes whose mean worsens at every step: " + ", ".join(f"{name} {count}" for name, count in worsens.items())
    )


def _before(distortion: Distortion, level: int) -> int | None:
    """The level that should be milder, or None for the mildest."""
    if not distortion.is_signed:
        return level - 1 or None
    return None if level == MILDEST_OF_SIGNED else level + (1 if level < MILDEST_OF_SIGNED else -1)


if __name__ == "__main__":
    main()
