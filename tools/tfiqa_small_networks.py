"""The networks of `tfiqa_small` that tell damage, trained on distorted pictures beside photographs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from tfiqa_small_data import PRISTINE_SCORE, Array, Features, Indices, folds, moments
from tfiqa_small_distorted import LEAST_STEP, Distorted
from tfiqa_small_kernels import standardised
from tfiqa_small_people import Photographs

from tfiqa.models.layers import ClippedStandardization
from tfiqa.models.tfiqa_small import DAMAGE, TfiqaSmallOptions, chained, network_layers

Weights = list[NDArray[Any]]  # of a layer
LEFT_OUT = 5  # a network leaves out a fifth of the groups, the next another fifth
EPOCHS = 12  # passes over half of the distorted pictures, each beside another of the same kind
PAIRS, NATURAL = 56, 16  # of a batch: pairs of distorted pictures, and photographs
ORIGINALS = 1 / 3  # of the pairs: a distorted picture beside its original
LEARNING_RATE, WARM_UP = 2e-3, 200  # the highest, and the steps until it is reached
WEIGHT_DECAY = 1e-2
NOISE, FIRST_DROPOUT, DROPOUT = 0.1, 0.1, 0.2  # of the features; of these, and of what units answer
# Of the sum that training makes small: the score, its differences in pairs, the kind of picture, the type and the level of the
# distortion, how far off the score is.
SCORE, STEP, KIND, TYPE, LEVEL, ERROR = 10.0, 10.0, 0.3, 0.2, 0.5, 0.05
NATURAL_KIND = 4.0  # weight of a photograph's kind beside a distorted picture's


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
        """(N, D) to (N, networks, 2)."""
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


def train_networks(
    photographs: Photographs, rows: Indices, distorted: Distorted, options: TfiqaSmallOptions
) -> Networks:
    """Trains the networks on the photographs of `rows` and on the distorted pictures but those of other photographs' groups.

    Each network leaves out a share of the groups, and its deviations are made to fit its errors there.
    """
    usable = distorted.without(photographs.groups_away(rows))
    natural = _Natural.of(photographs, rows)
    mean, deviation = moments(np.concatenate([distorted.features[usable[::3]], natural.features]))
    standard = (mean.astype(np.float32), deviation.astype(np.float32))
    distorted = replace(distorted, features=standardised(distorted.features, *standard))
    natural = replace(natural, features=standardised(natural.features, *standard))
    weights = []
    for number, fold in enumerate(folds(distorted.groups[usable], LEFT_OUT)[: options.networks]):
        test = usable[fold.test]
        others = natural.without(set(distorted.groups[test]))
        weights.append(_trained(distorted, usable[fold.train], test, others, number))
    return Networks(mean, deviation, weights)


@dataclass(frozen=True)
class _Natural:
    """Photographs, whole and smaller.

    Args:
        features: (N, D).
        intact: 1 for good ones, NaN where nothing is known.
        groups: of near-duplicates.
    """

    features: Features
    intact: NDArray[np.float32]
    groups: NDArray[np.object_]

    @classmethod
    def of(cls, photographs: Photographs, rows: Indices) -> _Natural:
        features = np.concatenate([photographs.full[rows], photographs.reduced[rows]])
        intact = np.where(photographs.scores[rows] >= PRISTINE_SCORE, 1, np.nan)
        return cls(features, np.tile(intact.astype(np.float32), 2), np.tile(photographs.groups[rows], 2))

    def without(self, groups: set[Any]) -> _Natural:
        rows = np.array([group not in groups for group in self.groups])
        return _Natural(self.features[rows], self.intact[rows], self.groups[rows])


class _Batches(keras.utils.PyDataset):
    """Batches: one picture of each pair, the others of the pairs in the same order, photographs.

    Targets (B, 6): how intact, or NaN; 1 as photographed, 0 distorted; the weight of this; the type, or -1; the level; 1 where
    the second of the pair is more distorted than the first, -1 where it is less, 0 where neither.
    """

    def __init__(self, distorted: Distorted, rows: Indices, natural: _Natural, seed: int) -> None:
        super().__init__()
        self.distorted, self.natural, self.seed, self.epoch = distorted, natural, seed, 0
        self.rows = rows[distorted.types[rows] >= 0]
        _, places = np.unique(distorted.sets[self.rows], return_inverse=True)
        self.order = np.argsort(places, kind="stable")  # the same pictures with the same distortion stand together
        self.counts = np.bincount(places)
        self._draw()

    def __len__(self) -> int:
        return len(self.rows) // (2 * PAIRS)

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self._draw()

    def _draw(self) -> None:
        """Another picture of its set for each, or its original; and an order."""
        random = np.random.default_rng([self.seed, self.epoch])
        count = np.repeat(self.counts, self.counts)
        start = np.repeat(np.cumsum(self.counts) - self.counts, self.counts)
        place = np.arange(len(count)) - start
        other = start + (place + random.integers(1, np.maximum(count, 2))) % count
        first, second = self.rows[self.order], self.rows[self.order[other]]
        original = (random.random(len(first)) < ORIGINALS) | (count == 1)
        second = np.where(original, self.distorted.originals[first], second)
        order = random.permutation(len(first))
        self.first, self.second = first[order], second[order]

    def __getitem__(self, index: int) -> tuple[Features, NDArray[np.float32]]:
        chosen = slice(index * PAIRS, (index + 1) * PAIRS)
        first, second = self.first[chosen], self.second[chosen]
        random = np.random.default_rng([self.seed, self.epoch, index])
        natural = random.integers(len(self.natural.features), size=NATURAL)
        one = self.distorted
        with np.errstate(invalid="ignore"):  # both equal to the original
            step = np.nan_to_num(np.sign(one.severities[second] - one.severities[first]), nan=0.0)
        both = np.concatenate([first, second])
        original = one.types[both] < 0
        pairs = [one.intact[both], original, one.known[both] | original, one.types[both], one.levels[both]]
        targets = np.stack([*(each.astype(np.float32) for each in pairs), np.tile(step, 2)], 1)
        alone = np.tile(np.array([0, 1, NATURAL_KIND, -1, 0, 0], np.float32), (NATURAL, 1))
        alone[:, 0] = self.natural.intact[natural]
        features = np.concatenate([one.features[both], self.natural.features[natural]])
        return features, np.concatenate([targets, alone]).astype(np.float32)


def _loss(truth: Any, answer: Any) -> Any:
    """Of a whole batch, from (B, 6) and (B, DAMAGE + 1 + 2 types)."""
    intact, photographed, weight, kind, level, step = ops.unstack(truth, 6, axis=1)
    score, spread, odds = ops.unstack(answer[:, : DAMAGE + 1], DAMAGE + 1, axis=1)
    by_type = answer[:, DAMAGE + 1 :]
    types = by_type.shape[1] // 2
    known = ops.logical_not(ops.isnan(intact))
    error = ops.where(known, score - ops.where(known, intact, 0.0), 0.0)
    apart = (score[:PAIRS] - score[PAIRS : 2 * PAIRS]) * step[:PAIRS]
    wanted = ops.maximum((intact[:PAIRS] - intact[PAIRS : 2 * PAIRS]) * step[:PAIRS], LEAST_STEP)
    steps = ops.abs(step[:PAIRS]) * ops.square(apart - wanted)
    kinds = weight * ops.binary_crossentropy(photographed, odds, from_logits=True)
    typed = ops.cast(kind >= 0, "float32")
    chosen = ops.one_hot(ops.cast(ops.maximum(kind, 0), "int32"), types)
    classes = ops.categorical_crossentropy(chosen, by_type[:, :types], from_logits=True)
    levels = ops.square(ops.sum(chosen * by_type[:, types:], axis=1) - level)
    # The negative logarithm of a normal density around the score, which it does not move.
    off = spread + 0.5 * ops.stop_gradient(ops.square(error)) * ops.exp(-2 * spread)
    both = 2 * PAIRS
    return (
        SCORE * ops.mean(ops.square(error))
        + STEP * ops.mean(steps)
        + KIND * ops.mean(kinds)
        + TYPE * ops.sum(typed * classes) / both
        + LEVEL * ops.sum(typed * levels) / both
        + ERROR * ops.mean(off[:both])
    )


def _trained(distorted: Distorted, rows: Indices, test: Indices, natural: _Natural, number: int) -> list[Weights]:
    """The weights of a network, trained on `rows` and on photographs, its deviations calibrated on `test`."""
    from keras import layers

    keras.utils.set_random_seed(number)
    features = keras.Input((distorted.features.shape[1],))
    network = network_layers(number)
    hidden = layers.Dropout(FIRST_DROPOUT)(layers.GaussianNoise(NOISE)(features))
    for layer in network[:-1]:
        hidden = layers.Dropout(DROPOUT)(layer(hidden))
    types = int(distorted.types.max()) + 1
    answer = layers.Concatenate()([network[-1](hidden), layers.Dense(1 + 2 * types)(hidden)])
    model = keras.Model(features, answer)
    batches = _Batches(distorted, rows, natural, number)
    steps = EPOCHS * len(batches)
    rate = keras.optimizers.schedules.CosineDecay(
        1e-5, max(steps - WARM_UP, 1), warmup_target=LEARNING_RATE, warmup_steps=WARM_UP
    )
    # Compiled by XLA a step takes more than ten times as long on processors.
    model.compile(keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY), _loss, jit_compile=False)
    model.fit(batches, epochs=EPOCHS, shuffle=False, verbose=0)
    found = model.predict(distorted.features[test], 256, verbose=0)
    squares = np.square((found[:, 0] - distorted.intact[test]) * np.exp(-found[:, 1]))
    kernel, bias = network[-1].get_weights()
    bias[1] += 0.5 * np.log(squares.mean())
    network[-1].set_weights([kernel, bias])
    return [layer.get_weights() for layer in network]
