"""The kernel regression of `tfiqa_small` that tells damage, and whether a picture is as it was photographed."""

from __future__ import annotations

import numpy as np
from tfiqa_small_data import Array, Indices
from tfiqa_small_distorted import LEAST_STEP, Distorted
from tfiqa_small_kernels import PENALTY, Pairs, Regression, feature_sets, fit_coefficients, fit_places
from tfiqa_small_people import Photographs

from tfiqa.models.tfiqa_small import DAMAGE_GAMMA

TONES_SHARE = 0.3  # of the brightnesses in the squared distance, that of the rest being 1
ORIGINAL_WEIGHT = 3.0  # of an undistorted picture beside a distorted one
PHOTOGRAPH_CENTRES, ORIGINAL_CENTRES = 900, 300  # the others are distorted pictures
KIND_PENALTY = 1.0


def fit_damage(
    photographs: Photographs, rows: Indices, distorted: Distorted, components: int, count: int
) -> Regression:
    """How intact VSI would call a picture (its rank, 0..1), and whether it is as photographed (-1..1).

    By the photographs of `rows` and by the distorted pictures but those of other photographs' groups.

    Args:
        count: how many centres.
    """
    rng = np.random.default_rng(0)
    usable = distorted.without(photographs.groups_away(rows))
    original = distorted.types < 0
    damaged_rows, original_rows = usable[~original[usable]], usable[original[usable]]
    seen = distorted.features[np.concatenate([damaged_rows[::3], original_rows])]
    places = fit_places(seen, feature_sets(seen, TONES_SHARE), components)
    photographed = places(np.concatenate([photographs.full[rows], photographs.reduced[rows]]))
    every = places(distorted.features)
    damaged, pristine = every[damaged_rows], every[original_rows]

    def some(of: Array, number: int) -> Array:
        return of[rng.choice(len(of), min(number, len(of)), replace=False)]

    kept = np.concatenate([some(photographed, PHOTOGRAPH_CENTRES), some(pristine, ORIGINAL_CENTRES)])
    centres = np.concatenate([kept, some(damaged, count - len(kept))])
    both = np.concatenate([damaged_rows, original_rows])
    intact, intact_offset = fit_coefficients(
        every[both],
        centres,
        distorted.intact[both].astype(np.float64),
        gamma=DAMAGE_GAMMA,
        penalty=PENALTY,
        weights=np.repeat([1.0, ORIGINAL_WEIGHT], [len(damaged_rows), len(original_rows)]),
        pairs=_pairs(distorted, both),
    )
    natural = np.concatenate([photographed, pristine])
    kind = np.repeat([1.0, -1.0], [len(natural), len(damaged)])
    # Pictures that VSI cannot tell from the pristine ones count for neither kind.
    shares = np.repeat([len(damaged) / len(natural) / 2, 1.0], [len(natural), len(damaged)])
    shares[len(natural) :][~distorted.known[damaged_rows]] = 0
    natural_or_not, kind_offset = fit_coefficients(
        np.concatenate([natural, damaged]), centres, kind, gamma=DAMAGE_GAMMA, penalty=KIND_PENALTY, weights=shares
    )
    coefficients = np.stack([intact, natural_or_not], 1)
    return Regression(places, centres, coefficients, np.array([intact_offset, kind_offset]), DAMAGE_GAMMA)


def _pairs(distorted: Distorted, rows: Indices) -> Pairs:
    """Of the rows, by their places among them: each original, its mildest distortion of a kind, the next stronger, and so on."""
    place = np.full(len(distorted), -1)
    place[rows] = np.arange(len(rows))
    order = rows[np.lexsort((distorted.severities[rows], distorted.sets[rows]))]
    order = order[distorted.types[order] >= 0]
    first = np.ones(len(order), bool)
    first[1:] = distorted.sets[order[1:]] != distorted.sets[order[:-1]]
    before = np.where(first, distorted.originals[order], np.roll(order, 1))
    step = np.maximum(distorted.intact[before] - distorted.intact[order], LEAST_STEP).astype(np.float64)
    unequal = distorted.severities[before] < distorted.severities[order]
    return Pairs(place[before[unequal]], place[order[unequal]], step[unequal])
