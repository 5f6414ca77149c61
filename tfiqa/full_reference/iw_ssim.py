"""IW-SSIM: SSIM at five scales, each place weighted by how much information the pictures hold there."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from tfiqa.full_reference.measure import Pair, evaluate, measure
from tfiqa.full_reference.picture import Picture, grey_of
from tfiqa.full_reference.pooling import TINY, real_power
from tfiqa.full_reference.ssim import luminance_and_structure_losses, mean_ssim
from tfiqa.images.filters import correlate_valid, sides
from tfiqa.images.pyramids import enlarge_twofold, laplacian_pyramid
from tfiqa.images.strips import Strips

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # MS-SSIM's; divided by their sum here
NOISE = 0.4  # variance of the noise in what the eye sees
BOX = (1 / 3,) * 3  # one axis of the 3x3 window
GAUSSIAN_EDGE, BOX_EDGE = 5, 1  # what the windows take from each side of a plane

# Below it a local variance counts as 0: the authors' 1e-15. In float32 a flat place has one of rounding errors, up to 1e-9.
FLAT = {tf.float32: 1e-8, tf.float64: 1e-15}
# Eigenvalues of a covariance that are smaller, relative to the largest, are rounding errors.
SMALLEST_EIGENVALUE = 1e-12
# Polynomials that share a determinant: none becomes smaller than SMALLEST_EIGENVALUE^3, which float32 holds.
FACTORS = 3


class Surroundings(NamedTuple):
    """What a band of the reference tells about its neighbourhoods: the 9 pixels and, where there is one, the parent.

    Args:
        length: N, the values of a neighbourhood, a scalar.
        energy: (n, H - 2, W - 2), y' Cu^-1 y / N of each neighbourhood y, where Cu is their covariance.
        largest: (n, 1, 1), Cu's largest eigenvalue.
        polynomials: coefficients (n, 1, 1), lowest power first, of the `FACTORS` polynomials in `_information`.
    """

    length: tf.Tensor
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
        describe = tf.function(
            _describe, autograph=False
        )  # bands of unknown size share one trace, which takes a second
        aboves = [*bands[1:], None]
        return [describe(*each, level == 0) for level, each in enumerate(zip(bands, aboves, strict=True))]

    return surroundings


@measure("iw_ssim", low=0, high=1, higher_is_better=True, smallest_side=176, is_symmetric=False)
def score(pair: Pair, grey: str = "gray_u8") -> tf.Tensor:
    """(N,) scores; the options are those of `iw_ssim`."""
    (*references, reference), (*distorted, remainder) = pair.both(pyramid_of(grey))
    surroundings = pair.reference.get(surroundings_of(grey))
    score_band = tf.function(_band_score, autograph=False)
    bands = zip(references, distorted, surroundings, strict=True)
    means = [score_band(*band, level == 0) for level, band in enumerate(bands)]
    means.append(_remainder_score(reference, remainder))
    total = sum(SCALE_WEIGHTS)
    powers = [real_power(tf.maximum(mean, 0), w / total) for mean, w in zip(means, SCALE_WEIGHTS, strict=True)]
    return tf.reduce_prod(tf.stack(powers), 0)


def _describe(band: tf.Tensor, above: tf.Tensor | None, is_finest: bool) -> Surroundings:
    """The `Surroundings` of a band. Its parent is the next one, brought to its size; the coarsest has none.

    Only the finest band is worked on in strips: loops for the others would double the time that the graph takes to build.
    """
    height, width = sides(band)
    strips = Strips(
        (band,) if above is None else (band, enlarge_twofold(above, height, width)), BOX_EDGE, may_cut=is_finest
    )
    last = _neighbourhoods(*strips.last())
    length = last.shape[1]

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
    polynomials = tf.cast(_polynomials(ratios), band.dtype)[..., None, None]
    return Surroundings(
        tf.constant(length, band.dtype),
        energy,
        tf.cast(largest, band.dtype)[..., None],
        [tf.unstack(coefficients, axis=1) for coefficients in tf.unstack(polynomials, axis=1)],
    )


def _polynomials(ratios: tf.Tensor) -> tf.Tensor:
    """prod_j (l_j + (1 - l_j) q) for l (n, 8 or 9), as coefficients of `FACTORS` cubics: (n, FACTORS, 4), lowest power first.

    A ratio of 1, which changes nothing, makes up nine. Large and small ratios go to each of the cubics.
    """
    ratios = tf.pad(ratios, [[0, 0], [0, 9 - ratios.shape[1]]], constant_values=1)
    ratios = tf.reshape(ratios, (-1, 9 // FACTORS, FACTORS))
    coefficients = tf.ones_like(ratios[:, 0, :, None])
    for ratio in tf.unstack(ratios[..., None], axis=1):
        same, shifted = (tf.pad(coefficients, [[0, 0], [0, 0], side]) for side in ((0, 1), (1, 0)))
        coefficients = shifted + ratio * (same - shifted)
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


def _band_score(reference: tf.Tensor, distorted: tf.Tensor, surroundings: Surroundings, is_finest: bool) -> tf.Tensor:
    """(N,): the mean of contrast times structure, weighted by information."""
    edge = GAUSSIAN_EDGE - BOX_EDGE

    def sums(x: tf.Tensor, y: tf.Tensor, energy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        weight = _information(x, y, surroundings._replace(energy=energy))[:, edge:-edge, edge:-edge] + TINY
        _, loss = luminance_and_structure_losses(x, y)
        return tf.reduce_sum(loss * weight, (1, 2)), tf.reduce_sum(weight, (1, 2))

    strips = Strips((reference, distorted, surroundings.energy), GAUSSIAN_EDGE, may_cut=is_finest)
    lost, whole = strips.sum(sums, sums(*strips.last()))
    return 1 - lost / whole


def _remainder_score(reference: tf.Tensor, distorted: tf.Tensor) -> tf.Tensor:
    """(N,): the plain mean of SSIM at the coarsest scale, in float64: values reach 4080 there, and their squares cancel."""
    planes = (tf.cast(plane, tf.float64) for plane in (reference, distorted))
    return tf.cast(mean_ssim(*luminance_and_structure_losses(*planes)), reference.dtype)


def _information(reference: tf.Tensor, distorted: tf.Tensor, surroundings: Surroundings) -> tf.Tensor:
    """(N, H - 2, W - 2): what the two pictures tell at each place, in nats (the unit cancels).

    Around a place y = g x + noise of variance v, and both are seen through NOISE. The authors' sum over eigenvalues L_j of
    log(1 + ((v + (1 + g^2) NOISE) energy L_j + NOISE v) / NOISE^2) is N log(1 + v / NOISE) + sum log(1 + t L_j) with
    t = energy (1 / NOISE + g^2 / (v + NOISE)). With r = 1 + t L_0 for the largest, q = 1 / r and l_j = L_j / L_0, each
    1 + t L_j is r (l_j + (1 - l_j) q): products of these lie between 0 and 1, and few logarithms are needed.
    """
    moments = [reference, distorted, reference**2, distorted**2, reference * distorted]
    means = correlate_valid(tf.concat(moments, 0), BOX, BOX)  # one picture may meet many: the moments differ in number
    x, y, xx, yy, xy = tf.split(means, [tf.shape(moment)[0] for moment in moments])
    spread, common = xx - x * x, xy - x * y
    flat = tf.constant(FLAT[x.dtype], x.dtype)
    gain = common / tf.where(spread < flat, tf.constant(math.inf, x.dtype), spread)
    rest = tf.nn.relu(yy - y * y - gain * common)
    t = surroundings.energy * (1 / NOISE + gain * gain / (rest + NOISE))
    r = 1 + t * surroundings.largest
    q = 1 / r
    information = surroundings.length * tf.math.log((1 + rest / NOISE) * r)
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
