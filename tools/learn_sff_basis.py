"""Learns the basis of SFF from photographs that anyone may use, by the procedure of the published code.

    python tools/learn_sff_basis.py [--output tfiqa/full_reference/sff_basis.npy] [--pictures FOLDER] [--seed 0]
        [--compare SFF_W.npy --pairs PAIRS.csv --root FOLDER]

18,000 colour patches of 8x8 at random places, as many from each photograph, each less its mean; whitened to their eight
strongest principal components; turned by symmetric FastICA with tanh. The same seed and photographs give the same basis,
up to the rounding of the machine's linear algebra.

By default the photographs are those of scikit-image that are natural, in colour and free: astronaut (NASA), chelsea
(S. van der Walt), coffee (R. Michetti) and rocket (SpaceX), all in the public domain or CC0.

--compare takes the authors' basis, --pairs a CSV file with the columns reference and distorted (paths below --root, or
below the CSV's folder), and score where people have judged the pictures. Printed are the rank correlation between the
scores of both bases and, where there are human scores, |SRCC| with them for each basis.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from skimage import data as photographs

from tfiqa.errors import InvalidInput
from tfiqa.evaluation.correlation import srcc
from tfiqa.images.decode import decode_picture
from tfiqa.images.discovery import find_pictures

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")
OUTPUT = Path(__file__).parents[1] / "tfiqa/full_reference/sff_basis.npy"
PATCHES = 18_000
SIDE = 8
FEATURES = 8
CHANGE, ROUNDS = 8e-8, 2000  # FastICA ends at whichever comes first

Matrix = NDArray[np.float64]


def random_patches(pictures: list[NDArray[np.uint8]], rng: np.random.Generator) -> Matrix:
    """(192, patches): R, G, B one after the other, each down the columns, less the mean of the 192."""
    share = PATCHES // len(pictures)
    columns = []
    for picture in pictures:
        height, width = picture.shape[:2]
        if min(height, width) < SIDE:
            raise InvalidInput(f"a photograph needs sides of at least {SIDE} pixels. Received: {height} x {width}")
        places = rng.integers(0, (height - SIDE + 1, width - SIDE + 1), (share, 2))
        for top, left in places:
            columns.append(picture[top : top + SIDE, left : left + SIDE].transpose(2, 1, 0).ravel())
    patches = np.array(columns, np.float64).T
    return patches - patches.mean(axis=0)


def whitening(patches: Matrix) -> Matrix:
    """(8, 192): onto the strongest principal components, each of variance 1 afterwards."""
    variances, directions = np.linalg.eigh(patches @ patches.T / patches.shape[1])  # ascending
    strongest = directions[:, : -FEATURES - 1 : -1]
    # An eigenvector's sign is the library's choice; the start of FastICA should not hang on it.
    strongest = strongest * np.sign(strongest[np.abs(strongest).argmax(axis=0), np.arange(FEATURES)])
    return strongest.T / np.sqrt(variances[: -FEATURES - 1 : -1, None])


def independent_rotation(white: Matrix, rng: np.random.Generator) -> tuple[Matrix, int]:
    """The rotation (8, 8) of whitened patches (8, n) towards independent components, and the rounds that it took.

    Symmetric FastICA (A. Hyvarinen, IEEE Trans. Neural Networks 10(3), 1999): every row w becomes
    E[x tanh(w x)] - E[1 - tanh(w x)^2] w, then all rows together are made orthonormal.
    """
    rotation = _orthonormal(rng.standard_normal((FEATURES, FEATURES)))
    rounds, change = 0, np.inf
    while change >= CHANGE and rounds < ROUNDS:
        squashed = np.tanh(rotation @ white)
        slope = 1 - (squashed**2).mean(axis=1, keepdims=True)
        turned = _orthonormal(squashed @ white.T / white.shape[1] - slope * rotation)
        change = np.abs(1 - np.abs((turned * rotation).sum(axis=1))).max()  # a row may change its sign
        rotation, rounds = turned, rounds + 1
    return rotation, rounds


def _orthonormal(rows: Matrix) -> Matrix:
    """The nearest matrix with orthonormal rows: (W W^T)^(-1/2) W."""
    left, _, right = np.linalg.svd(rows)
    return left @ right


def compare(own: Matrix, authors: Matrix, pairs: Path, root: Path) -> None:
    """Prints how the scores of both bases agree with each other and with people."""
    from tfiqa.full_reference.sff import sff  # loads TensorFlow

    table = pd.read_csv(pairs).drop_duplicates(["reference", "distorted"])
    rows = []
    for reference, distorted in zip(table["reference"], table["distorted"], strict=True):
        shown = decode_picture(root / reference), decode_picture(root / distorted)
        rows.append([float(sff(*shown, basis=basis)) for basis in (own, authors)])
    scores = np.array(rows)
    print(f"{len(scores)} pairs: SRCC between the bases {srcc(*scores.T):.4f}, ", end="")
    print(f"largest difference {np.abs(scores[:, 0] - scores[:, 1]).max():.4f}")
    if "score" in table:
        for name, column in zip(("this basis", "the other"), scores.T, strict=True):
            print(f"  |SRCC| with people, {name}: {abs(srcc(column, table['score'])):.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--pictures", type=Path, help="a folder of other photographs to learn from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--compare", type=Path, help="the other basis, an .npy of (8, 192)")
    parser.add_argument(
        "--pairs", type=Path, action="append", default=[], help="a CSV file; may be given several times"
    )
    parser.add_argument("--root", type=Path, help="where the paths of --pairs start")
    chosen = parser.parse_args()
    if bool(chosen.pairs) != bool(chosen.compare):
        parser.error("--compare and --pairs belong together")

    if chosen.pictures:
        pictures = [decode_picture(path) for path in find_pictures([chosen.pictures])]
    else:
        pictures = [getattr(photographs, name)() for name in PHOTOGRAPHS]
    rng = np.random.default_rng(chosen.seed)
    patches = random_patches(pictures, rng)
    whiten = whitening(patches)
    rotation, rounds = independent_rotation(whiten @ patches, rng)
    basis = rotation @ whiten
    np.save(chosen.output, basis)
    print(f"{patches.shape[1]} patches of {len(pictures)} photographs, FastICA in {rounds} rounds -> {chosen.output}")
    print("row norms " + " ".join(f"{norm:.6f}" for norm in np.linalg.norm(basis, axis=1)))
    for path in chosen.pairs:
        compare(basis, np.load(chosen.compare), path, chosen.root or path.parent)


if __name__ == "__main__":
    main()
