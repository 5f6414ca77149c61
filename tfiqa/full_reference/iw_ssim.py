"""IW-SSIM: SSIM at five scales, each place weighted by how much information the pictures hold there."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfiqa.full_reference.measure import Pair, evaluate, measure
from tfiqa.full_reference.picture import Picture, grey_of
from tfiqa.full_reference.pooling import TINY, real_power
from tfiqa.images.filters import correlate_valid, gaussian_valid, sides
from tfiqa.images.pyramids import enlarge_twofold, laplacian_pyramid
from tfiqa.images.strips import Strips

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # MS-SSIM's; divided by their sum here
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2  # SSIM's
NOISE = 0.4  # variance of the noise in what the eye sees
BOX = (1 / 3,) * 3  # one axis of the 3x3 window
GAUSSIAN_EDGE, BOX_EDGE = 5, 1  # what the windows take from each side of a plane

# Below it a local variance counts as 0: the authors' 1e-15. In float32 a flat place has one of rounding errors, up to 1e-9.
FLAT = {tf.float32: 1e-8, tf.float64: 1e-15}
# Eigenvalues of a covariance that are smaller, relative to the largest, are rounding errors.
SMALLEST_EIGENVALUE = 1e-12
FACTORS = (
    3  # polynomials that share a determinant: none becomes smaller than SMALLEST_EIGENVALUE^3, which float32 holds
)


class Surroundings(NamedTuple):
    """What a band of the reference tells about its neighbourhoods: the 9 pixels and, where there is one, the parent.

    Args:
        energy: (n, H - 2, W - 2), y' Cu^-1 y / N of each neighbourhood y of N values with covariance Cu.
        largest: (n, 1, 1), Cu's largest eigenvalue.
        polynomials: coefficients (n, 1, 1), lowest power first, of the `FACTORS` polynomials in `_information`.
    """

    energy: tf.Tensor
    largest: tf.Tensor
    polynomials: list[list[tf.Tensor]]


@functools.cache
def pyramid_of(grey: str) -> Callable[[Picture], list[tf.Tensor]]:
    """The function of a picture that gives its Laplacian pyramid."""

    def pyramid(picture: Picture) -> list[tf.Tensor]:
        return laplacian_pyramid(picture.get(grey_of(grey)), len(SCALE_WEIGHTS))

    return pyramid


@functools.cache
def surroundings_of(grey: str) -> Callable[[Picture], list[Surroundings]]:
    """The function of a picture that gives the `Surroundings` of each band."""

    def surroundings(picture: Picture) -> list[Surroundings]:
        *bands, _ = picture.get(pyramid_of(grey))
        parents = [enlarge_twofold(above, *sides(band)) for band, above in itertools.pairwise(bands)]
        return [_describe(band, parent) for band, parent in zip(bands, [*parents, None], strict=True)]

    return surroundings


@measure("iw_ssim", low=0, high=1, higher_is_better=True, smallest_side=176, is_symmetric=False)
def score(pair: Pair, grey: str = "gray_u8") -> tf.Tensor:
    """(N,) scores; the options are those of `iw_ssim`."""
    (*references, reference), (*distorted, remainder) = pair.both(pyramid_of(grey))
    surroundings = pair.reference.get(surroundings_of(grey))
    means = [_band_score(*band) for band in zip(references, distorted, surroundings, strict=True)]
    means.append(_remainder_score(reference, remainder))
    total = sum(SCALE_WEIGHTS)
    powers = [real_power(tf.maximum(mean, 0), w / total) for mean, w in zip(means, SCALE_WEIGHTS, strict=True)]
    return tf.reduce_prod(tf.stack(powers), 0)


def _describe(band: tf.Tensor, parent: tf.Tensor | None) -> Surroundings:
    """The `Surroundings` of a band, whose parent is the next one brought to its size."""
    strips = Strips((band,) if parent is None else (band, parent), BOX_EDGE)
    last = _neighbourhoods(*strips.last())
    length = last.shape[1]
    height, width = sides(band)

    (gram,) = strips.sum(lambda *planes: (_gram(_neighbourhoods(*planes)),), (_gram(last),))
    covariance = gram / tf.cast((height - 2 * BOX_EDGE) * (width - 2 * BOX_EDGE), tf.float64)
    values, vectors = tf.linalg.eigh(covariance)  # ascending
    floor = tf.maximum(values[:, -1:] * SMALLEST_EIGENVALUE, TINY**2)
    # Directions without variance get a little, so that there is an inverse. It comes from the Cholesky factor, which has a
    # gradient where eigenvectors of equal eigenvalues have none.
    vectors, missing = tf.stop_gradient(vectors), tf.stop_gradient(tf.nn.relu(floor - values))
    factor = tf.linalg.cholesky(covariance + tf.matmul(vectors * missing[:, None], vectors, transpose_b=True))
    identity = tf.eye(length, batch_shape=tf.shape(factor)[:1], dtype=tf.float64)
    whiten = tf.cast(tf.linalg.triangular_solve(factor, identity) / math.sqrt(length), band.dtype)
    energy = strips.join(lambda *planes: _energy(_neighbourhoods(*planes), whiten), _energy(last, whiten))
    # The authors set negative eigenvalues to 0 and scale the others so that the sum remains.
    positive = tf.nn.relu(values)
    positive *= tf.math.divide_no_nan(tf.reduce_sum(values, 1), tf.reduce_sum(positive, 1))[:, None]
    largest = positive[:, -1:]
    ratios = tf.math.divide_no_nan(tf.maximum(positive[:, :-1], floor), largest)
    polynomials = [_polynomial(ratios[:, first::FACTORS]) for first in range(FACTORS)]
    return Surroundings(
        energy,
        tf.cast(largest, band.dtype)[..., None],
        [[tf.cast(each, band.dtype)[:, None, None] for each in coefficients] for coefficients in polynomials],
    )


def _polynomial(ratios: tf.Tensor) -> list[tf.Tensor]:
    """The coefficients (n,) of prod_j (l_j + (1 - l_j) q) for l (n, k), lowest power of q first."""
    coefficients = [tf.ones_like(ratios[:, 0])]
    for ratio in tf.unstack(ratios, axis=1):
        zero = tf.zeros_like(ratio)
        coefficients = [
            ratio * same + (1 - ratio) * lower
            for same, lower in zip([*coefficients, zero], [zero, *coefficients], strict=True)
        ]
    return coefficients


def _neighbourhoods(band: tf.Tensor, parent: tf.Tensor | None = None) -> tf.Tensor:
    """(n, N, H - 2, W - 2): the 3x3 pixels around each inner pixel, and the parent's at its place."""
    height, width = (side - 2 * BOX_EDGE for side in sides(band))
    planes = [band[:, y : height + y, x : width + x] for y in range(3) for x in range(3)]
    return tf.stack(planes if parent is None else [*planes, parent[:, 1:-1, 1:-1]], 1)


def _gram(vectors: tf.Tensor) -> tf.Tensor:
    """(n, N, N): the sums of products of the neighbourhoods' values."""
    flat = _flat(vectors)
    return tf.cast(tf.matmul(flat, flat, transpose_b=True), tf.float64)


def _energy(vectors: tf.Tensor, whiten: tf.Tensor) -> tf.Tensor:
    """(n, H - 2, W - 2): the squared length of the whitened neighbourhoods."""
    squares = tf.reduce_sum(tf.square(tf.matmul(whiten, _flat(vectors))), 1)
    return tf.reshape(squares, (tf.shape(vectors)[0], *sides(vectors)))


def _flat(vectors: tf.Tensor) -> tf.Tensor:
    return tf.reshape(vectors, (tf.shape(vectors)[0], vectors.shape[1], -1))


def _band_score(reference: tf.Tensor, distorted: tf.Tensor, surroundings: Surroundings) -> tf.Tensor:
    """(N,): the mean of contrast times structure, weighted by information."""
    edge = GAUSSIAN_EDGE - BOX_EDGE

    def sums(x: tf.Tensor, y: tf.Tensor, energy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        moments = _moments(x, y)
        weight = _information(moments, surroundings._replace(energy=energy))[:, edge:-edge, edge:-edge] + TINY
        return tf.reduce_sum(_ssim(moments) * weight, (1, 2)), tf.reduce_sum(weight, (1, 2))

    strips = Strips((reference, distorted, surroundings.energy), GAUSSIAN_EDGE)
    above, below = strips.sum(sums, sums(*strips.last()))
    return above / below


def _remainder_score(reference: tf.Tensor, distorted: tf.Tensor) -> tf.Tensor:
    """(N,): the plain mean of SSIM at the coarsest scale, in float64: values reach 4080 there, and their squares cancel."""
    moments = _moments(tf.cast(reference, tf.float64), tf.cast(distorted, tf.float64))
    return tf.cast(tf.reduce_mean(_ssim(moments, with_luminance=True), (1, 2)), reference.dtype)


def _moments(x: tf.Tensor, y: tf.Tensor) -> list[tf.Tensor]:
    """What local means are taken of; those of the one picture alone once where it meets many."""
    return [x, x * x, y, y * y, x * y]


def _each(means: Callable[[tf.Tensor], tf.Tensor], moments: list[tf.Tensor]) -> list[tf.Tensor]:
    """The moments' local means, taken in one go."""
    return tf.split(means(tf.concat(moments, 0)), [tf.shape(moment)[0] for moment in moments])


def _ssim(moments: list[tf.Tensor], with_luminance: bool = False) -> tf.Tensor:
    """(N, H - 10, W - 10): SSIM's map, or its contrast and structure alone."""
    x, xx, y, yy, xy = _each(gaussian_valid, moments)
    product, squares = x * y, x * x + y * y
    structure = (2 * (xy - product) + C2) / (xx + yy - squares + C2)
    return structure * (2 * product + C1) / (squares + C1) if with_luminance else structure


def _information(moments: list[tf.Tensor], surroundings: Surroundings) -> tf.Tensor:
    """(N, H - 2, W - 2): what the two pictures tell at each place, in nats (the unit cancels).

    Around a place y = g x + noise of variance v, and both are seen through NOISE. The authors' sum over eigenvalues L_j of
    log(1 + ((v + (1 + g^2) NOISE) energy L_j + NOISE v) / NOISE^2) is N log(1 + v / NOISE) + sum log(1 + t L_j) with
    t = energy (1 / NOISE + g^2 / (v + NOISE)). With r = 1 + t L_0 for the largest, q = 1 / r and l_j = L_j / L_0, each
    1 + t L_j is r (l_j + (1 - l_j) q): products of these lie between 0 and 1, and few logarithms are needed.
    """
    x, xx, y, yy, xy = _each(lambda planes: correlate_valid(planes, BOX, BOX), moments)
    spread, common = xx - x * x, xy - x * y
    flat = tf.constant(FLAT[x.dtype], x.dtype)
    gain = common / tf.where(spread < flat, tf.constant(math.inf, x.dtype), spread)
    rest = tf.nn.relu(yy - y * y - gain * common)
    t = surroundings.energy * (1 / NOISE + gain * gain / (rest + NOISE))
    r = 1 + t * surroundings.largest
    q = 1 / r
    length = 1 + sum(len(coefficients) - 1 for coefficients in surroundings.polynomials)
    information = length * tf.math.log((1 + rest / NOISE) * r)
    for coefficients in surroundings.polynomials:
        product = coefficients[-1]
        for coefficient in coefficients[-2::-1]:
            product = product * q + coefficient
        information += tf.math.log(product)
    return tf.nn.relu(information)


def iw_ssim(reference: Any, distorted: Any, *, grey: str = "gray_u8") -> tf.Tensor:
    """Information content weighted SSIM (Z. Wang, Q. Li, IEEE TIP 20(5), 2011).

    Args:
        reference: (N, H, W, 3) or (H, W, 3), RGB 0..255.
        distorted: the same size.
        grey: "gray_u8", MATLAB's rounded rgb2gray as the published values use, or "y_float".

    Returns:
        (N,) or a scalar: 1 for identical pictures; higher is better. Not symmetric. A scale whose mean is negative (an
        inverted picture's) counts as 0, where the authors' code gives a complex number. With a flat reference, where
        theirs gives NaN, only what the distorted picture adds has weight. Differentiable, except where a scale counts as 0.

    Raises:
        InvalidInput: shapes that do not fit, a side below 176.
    """
    return evaluate("iw_ssim", reference, distorted, grey=grey)
