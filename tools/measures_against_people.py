"""How the full-reference measures rank pictures beside people: a Markdown table of |SRCC|.

    tfiqa measure --pairs PAIRS.csv --output measured.csv      # columns reference, distorted, score: carried through
    python tools/measures_against_people.py measured.csv [...]

Every table is one database; rows with an error, and measures that a table lacks, are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from tfiqa import list_measures
from tfiqa.evaluation.correlation import srcc


def correlations(path: Path) -> pd.Series:
    """|SRCC| of each measure with the column `score`; the name tells file and number of pairs."""
    table = pd.read_csv(path)
    table = table[table["error"].isna()]
    found = {name: abs(srcc(table[name], table["score"])) for name in list_measures() if name in table}
    return pd.Series(found, name=f"{path.stem} ({len(table)} pairs)")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", type=Path, help="outputs of `tfiqa measure` with a column score")
    found = pd.concat([correlations(path) for path in parser.parse_args().tables], axis=1)
    print("| measure | " + " | ".join(found.columns) + " |")
    print("| --- |" + " --- |" * len(found.columns))
    for name, row in found.iterrows():
        print(f"| `{name}` | " + " | ".join("" if pd.isna(value) else f"{value:.3f}" for value in row) + " |")


if __name__ == "__main__":
    main()
