"""The networks of `tfiqa_small`, trained on distorted pictures and photographs at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from tfiqa_small_data import Array, Features, Indices, folds, moments
from tfiqa_small_examples import COPY, DISTORTED, PHONE, PHOTOGRAPH, PRISTINE, Examples
from tfiqa_small_kernels import standardised

from tfiqa.models.layers import ClippedStandardization
from tfiqa.models.tfiqa_small import ANSWERS, TfiqaSmallOptions, chained, network_layers

Weights = list[NDArray[Any]]  # of a layer
LEFT_OUT = 5  # a network leaves out a fifth of the groups, the next another fifth
EPOCHS = 12  # passes over half of the distorted pictures, each beside another of the same kind
# A batch: pairs of distorted pictures, pairs of pictures damaged as by phones, photographs, their copies, pristine pictures.
DISTORTED_PAIRS, PHONE_PAIRS, PHOTOGRAPHS, COPIES, PRISTINES = 48, 16, 64, 16, 16
PAIRS = DISTORTED_PAIRS + PHONE_PAIRS
ORIGINALS = 1 / 3  # of the pairs: a picture beside its original
LEARNING_RATE, WARM_UP = 2e-3, 200  # the highest, and the steps until it is reached
WEIGHT_DECAY = 1e-2
NOISE, FIRST_DROPOUT, DROPOUT = 0.1, 0.1, 0.2  # of the features; of these, and of what units answer
LEAST_STEP = 0.05  # of 0..1, between a picture and a stronger distortion of it
# Of the sum that training makes small: how intact, its differences in pairs, whether photographed, the type and the level of the
# distortion, how far off the first is.
INTACT, STEP, PHOTOGRAPHED, TYPE, LEVEL, ERROR = 10.0, 10.0, 1.0, 0.15, 0.4, 0.05


@dataclass(frozen=True)
class Networks:
    """Trained networks.

    Args:
        mean, deviation: of the features, (D,).
        weights: of each network, of each of its `network_layers`.
    """

    mean: Array
    deviation: Array
    weights: list[list[Weights]]

    def set_to(self, model: keras.Model) -> None:
        """Gives them to a `tfiqa_small`."""
        model.get_layer("standard").set_weights([self.mean, self.deviation])
        for number, weights in enumerate(self.weights):
            for layer, each in zip(network_layers(number), weights, strict=True):
                model.get_layer(layer.name).set_weights(each)

    def __call__(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """(N, D) to (N, networks, ANSWERS)."""
        image = keras.Input((features.shape[1],))
        standard = ClippedStandardization()
        x = standard(image)
        standard.set_weights([self.mean, self.deviation])
        answers = []
        for number, weights in enumerate(self.weights):
            layers = network_layers(number)
            answers.append(chained(layers, x))
            for layer, each in zip(layers, weights, strict=True):
                layer.set_weights(each)
        found: NDArray[np.float32] = keras.Model(image, ops.stack(answers, 1)).predict(features, 256, verbose=0)
        return found


def train_networks(learned: Examples, without: set[Any], options: TfiqaSmallOptions) -> Networks:
    """Trains the networks on all examples but those of some groups.

    Each network leaves out a share of the other groups, and its deviations are made to fit its errors on what is distorted there.
    """
    usable = learned.without(without)
    mean, deviation = moments(learned.features[usable[::3]])
    standard = (mean.astype(np.float32), deviation.astype(np.float32))
    learned = replace(learned, features=standardised(learned.features, *standard))
    parts = folds(learned.groups[usable], LEFT_OUT)
    weights = [
        _trained(learned, usable[parts[i % LEFT_OUT].train], usable[parts[i % LEFT_OUT].test], i)
        for i in range(options.networks)
    ]
    return Networks(mean, deviation, weights)


class _Batches(keras.utils.PyDataset):
    """Batches: the first pictures of the pairs, the second ones in the same order, those without a pair.

    Targets (B, 5), NaN where nothing is known: how intact, as photographed (1) or distorted (0), the type, the level; and of the
    first of a pair, by how much it is more intact than the second.
    """

    def __init__(self, learned: Examples, rows: Indices, seed: int) -> None:
        super().__init__()
        self.learned, self.seed, self.epoch = learned, seed, 0
        roles = learned.roles[rows]
        self.distorted = _Pairs(learned, rows[roles == DISTORTED])
        self.phone = _Pairs(learned, rows[roles == PHONE])
        self.alone = [
            (rows[roles == role], count)
            for role, count in ((PHOTOGRAPH, PHOTOGRAPHS), (COPY, COPIES), (PRISTINE, PRISTINES))
        ]
        unknown = np.full(len(learned), np.nan, np.float32)
        typed = learned.types >= 0
        self.targets = np.stack(
            [
                learned.intact,
                learned.photographed,
                np.where(typed, learned.types, unknown),
                np.where(typed, learned.levels, unknown),
                unknown,
            ],
            1,
        ).astype(np.float32)
        self._draw()

    def __len__(self) -> int:
        return len(self.distorted) // (2 * DISTORTED_PAIRS)

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._draw()

    def _draw(self) -> None:
        random = np.random.default_rng([self.seed, self.epoch])
        self.drawn = [
            pairs.drawn(random, count * len(self))
            for pairs, count in ((self.distorted, DISTORTED_PAIRS), (self.phone, PHONE_PAIRS))
        ]

    def __getitem__(self, index: int) -> tuple[Features, NDArray[np.float32]]:
        random = np.random.default_rng([self.seed, self.epoch, index])
        first, second = np.concatenate(
            [
                pairs[:, index * count : (index + 1) * count]
                for pairs, count in zip(self.drawn, (DISTORTED_PAIRS, PHONE_PAIRS), strict=True)
            ],
            axis=1,
        )
        alone = [random.choice(rows, count) for rows, count in self.alone]
        rows = np.concatenate([first, second, *alone])
        targets = self.targets[rows]
        targets[:PAIRS, -1] = _steps(self.learned, first, second)
        return self.learned.features[rows], targets


class _Pairs:
    """Pictures, each to be put beside another of its set or beside its original."""

    def __init__(self, learned: Examples, rows: Indices) -> None:
        _, places = np.unique(learned.sets[rows], return_inverse=True)
        self.rows = rows[np.argsort(places, kind="stable")]  # the same pictures with the same distortion stand together
        self.counts = np.bincount(places)
        self.originals = learned.originals

    def __len__(self) -> int:
        return len(self.rows)

    def drawn(self, random: np.random.Generator, number: int) -> Indices:
        """Rows (2, number): every picture once before any comes again."""
        count = np.repeat(self.counts, self.counts)
        start = np.repeat(np.cumsum(self.counts) - self.counts, self.counts)
        place = np.arange(len(count)) - start
        order = np.concatenate([random.permutation(len(count)) for _ in range(-(-number // len(count)))])[:number]
        other = start[order] + (place[order] + random.integers(1, np.maximum(count[order], 2))) % count[order]
        first, second = self.rows[order], self.rows[other]
        original = (random.random(number) < ORIGINALS) | (count[order] == 1)
        return np.stack([first, np.where(original, self.originals[first], second)])


def _steps(learned: Examples, first: Indices, second: Indices) -> Array:
    """By how much the first is more intact; NaN where both equal the original."""
    with np.errstate(invalid="ignore"):  # then, too
        sign = np.sign(learned.severities[second] - learned.severities[first])
    step = sign * np.maximum(sign * (learned.intact[first] - learned.intact[second]), LEAST_STEP)
    return np.where(sign == 0, np.nan, step)


def _loss(truth: Any, answer: Any) -> Any:
    """Of a whole batch, from (B, 5) and (B, ANSWERS + 2 types)."""
    known = ops.logical_not(ops.isnan(truth))
    intact, photographed, kind, level, step = ops.unstack(ops.where(known, truth, 0.0), 5, axis=1)
    judged, sure, typed, _, paired = ops.unstack(ops.cast(known, "float32"), 5, axis=1)
    score, spread, odds = ops.unstack(answer[:, :ANSWERS], ANSWERS, axis=1)
    by_type = answer[:, ANSWERS:]
    types = by_type.shape[1] // 2
    chosen = ops.one_hot(ops.cast(kind, "int32"), types)

    def mean(weight: Any, each: Any) -> Any:
        return ops.sum(weight * each) / ops.maximum(ops.sum(weight), 1.0)

    error = ops.square(score - intact)
    # The negative logarithm of a normal density around the score, which it does not move; of distorted pictures.
    off = spread + 0.5 * ops.stop_gradient(error) * ops.exp(-2 * spread)
    return (
        INTACT * mean(judged, error)
        + STEP * mean(paired[:PAIRS], ops.square(score[:PAIRS] - score[PAIRS : 2 * PAIRS] - step[:PAIRS]))
        + PHOTOGRAPHED * mean(sure, ops.binary_crossentropy(photographed, odds, from_logits=True))
        + TYPE * mean(typed, ops.categorical_crossentropy(chosen, by_type[:, :types], from_logits=True))
        + LEVEL * mean(typed, ops.square(ops.sum(chosen * by_type[:, types:], axis=1) - level))
        + ERROR * mean(typed, off)
    )


def _trained(learned: Examples, rows: Indices, test: Indices, number: int) -> list[Weights]:
    """The weights of a network, trained on `rows`, its deviations calibrated on what is distorted of `test`."""
    from keras import layers

    keras.utils.set_random_seed(number)
    features = keras.Input((learned.features.shape[1],))
    network = network_layers(number)
    hidden = layers.Dropout(FIRST_DROPOUT)(layers.GaussianNoise(NOISE)(features))
    for layer in network[:-1]:
        hidden = layers.Dropout(DROPOUT)(layer(hidden))
    types = int(learned.types.max()) + 1
    answer = layers.Concatenate()([network[-1](hidden), layers.Dense(2 * types)(hidden)])
    model = keras.Model(features, answer)
    batches = _Batches(learned, rows, number)
    steps = EPOCHS * len(batches)
    rate = keras.optimizers.schedules.CosineDecay(
        1e-5, max(steps - WARM_UP, 1), warmup_target=LEARNING_RATE, warmup_steps=WARM_UP
    )
    # Compiled by XLA a step takes more than ten times as long on processors.
    model.compile(keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY), _loss, jit_compile=False)
    model.fit(batches, epochs=EPOCHS, shuffle=False, verbose=0)
    test = test[learned.roles[test] == DISTORTED]
    found = model.predict(learned.features[test], 256, verbose=0)
    squares = np.square((found[:, 0] - learned.intact[test]) * np.exp(-found[:, 1]))
    kernel, bias = network[-1].get_weights()
    bias[1] += 0.5 * np.log(squares.mean())
    network[-1].set_weights([kernel, bias])
    return [layer.get_weights() for layer in network]
