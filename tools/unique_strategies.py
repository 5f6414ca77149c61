"""Ways to train one model on databases of different scales, on stored features: pairs within databases against linear re-scaling.

    tfiqa extract mlsp --data biq.csv --model runs/mtl --output features/biq        # scores by people, groups
    tfiqa extract mlsp --data kadis.csv --model runs/mtl --output features/kadis    # artificial, with the column vsi
    python tools/unique_strategies.py features/biq features/kadis

As table VII of UNIQUE (Zhang et al., IEEE TIP 2021), but with a fixed body and a small head, so that many splits take minutes.
The pictures that people scored become two databases whose ranges of quality differ, since a picture's chance to be in the
first rises with its score: one of MOS 1 to 5, one of DMOS 0 to 100. The artificial pictures are the third, with equalised VSI for
scores. All strategies see the same pictures in batches of the same size for the same number of steps; the epoch is chosen on the
validation pictures by the SRCC within databases, averaged by pictures. `pooled` is the SRCC over the held-out pictures of both
databases of people, with the scores as they were before: whether the model brought the two onto one scale.
"""

from __future__ import annotations

from dataclasses import replace

import click
import keras
import numpy as np
import pandas as pd
from unique_stand_ins import better_ones

from tfiqa.databases.manifest import Manifest
from tfiqa.databases.opinion_deviations import sos_deviations
from tfiqa.databases.pairs import PairStream
from tfiqa.databases.rescaling import RESCALED, rescale
from tfiqa.databases.splits import split_manifest
from tfiqa.evaluation.correlation import srcc
from tfiqa.features import load_mlsp
from tfiqa.histogram_equalization import HistogramEqualization
from tfiqa.losses.pair_settings import PairSettings
from tfiqa.losses.ranking import PairLoss
from tfiqa.pipelines.batches import RANKING, PairBatches, PictureBatches

GOOD, BAD, ARTIFICIAL = "good (MOS 1 to 5)", "bad (DMOS 0 to 100)", "artificial (VSI)"
SOS = 0.18  # of LIVE Challenge, docs/unique.md
PAIRS = {GOOD: 1000, BAD: 1000, ARTIFICIAL: 1000}
BATCH = 128  # pictures
SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}
STRATEGIES = {
    "pairs, fidelity and hinge": ("thurstone", PairSettings()),
    "pairs, fidelity alone": ("thurstone", PairSettings(hinge=0.0, attached=True)),
    "pairs, cross-entropy": ("thurstone", PairSettings("cross_entropy")),
    "pairs, binary labels": ("binary", PairSettings(hinge=0.0, attached=True)),
    "linear re-scaling, MSE": (None, None),
}


def people(folder: str) -> tuple[np.ndarray, pd.DataFrame]:
    """Features and rows of the two databases of people; `truth` are the scores as they were."""
    loaded = load_mlsp(folder)
    table = loaded.manifest.table.copy()
    table["truth"] = loaded.manifest.scale.oriented(table["score"])
    low, high = table["truth"].min(), table["truth"].max()
    share = (table["truth"] - low) / (high - low)
    good = better_ones(share, table["group"], seed=0)
    table["database"] = np.where(good, GOOD, BAD)
    table["score"] = np.where(good, 1 + 4 * share, -(100 - 100 * share))  # oriented, as `rescale` takes them
    table["score_std"] = np.where(
        good, sos_deviations(1 + 4 * share, SOS, 1, 5), sos_deviations(100 * share, SOS, 0, 100)
    )
    return loaded.features[:, 0].astype(np.float32), table


def artificial(folder: str) -> tuple[np.ndarray, pd.DataFrame]:
    """Features and rows of the artificial database."""
    loaded = load_mlsp(folder)
    table = loaded.manifest.table.copy()
    table["score"] = HistogramEqualization.fit(table, ["vsi"], {"vsi": True}).transform(table[["vsi"]])["vsi"]
    table["score_std"] = sos_deviations(table["score"], SOS, 0, 1)
    table["truth"], table["database"] = table["score"], ARTIFICIAL
    return loaded.features[:, 0].astype(np.float32), table


def network(features: int, seed: int) -> keras.Model:
    """Features to quality and deviation (N, 2)."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((features,))
    x = keras.layers.Dropout(0.5)(keras.layers.Dense(256, "relu")(inputs))
    quality, deviation = keras.layers.Dense(1)(x), keras.layers.Dense(1, "softplus")(x)
    return keras.Model(inputs, keras.layers.Concatenate()([quality, deviation]))


def squared_error(truth, predicted):
    """Of the quality alone, on 0..1."""
    return keras.ops.square(truth[:, 0] / 100 - predicted[:, 0])


def by_database(predicted: np.ndarray, table: pd.DataFrame) -> dict[str, float]:
    """SRCC within each database."""
    return {
        name: srcc(predicted[rows], table["score"].to_numpy()[rows])
        for name, rows in table.groupby("database").indices.items()
    }


def trained(
    features: np.ndarray, table: pd.DataFrame, strategy: str, seed: int, epochs: int, rate: float
) -> dict[str, float]:
    """The SRCC on the held-out pictures."""
    labels, settings = STRATEGIES[strategy]
    rows = {split: np.flatnonzero(table["split"] == split) for split in SHARES}
    train = table.iloc[rows["train"]].reset_index(drop=True)
    if labels is None:
        crops = 2 * sum(PAIRS.values()) // len(train)
        batches = PictureBatches({RANKING: train[["score"]].to_numpy(np.float32)}, crops, BATCH, seed)
    else:
        parts = [np.flatnonzero(train["database"] == name) for name in PAIRS]
        manifests = [Manifest(train.iloc[part].reset_index(drop=True), None, RESCALED) for part in parts]
        streams = [PairStream(m, n, seed=seed, labels=labels) for m, n in zip(manifests, PAIRS.values(), strict=True)]
        batches = PairBatches(streams, parts, BATCH // 2, seed)
    model = network(features.shape[1], seed)
    model.compile(keras.optimizers.Adam(rate), PairLoss(settings) if settings else squared_error, jit_compile=False)
    inputs, best, kept = features[rows["train"]], -np.inf, None
    validation = table.iloc[rows["validation"]]
    weights = validation["database"].value_counts()
    for epoch in range(epochs):
        for batch in batches.epoch(epoch):
            model.train_on_batch(inputs[batch.rows], batch.targets[RANKING])
        found = by_database(model.predict_on_batch(features[rows["validation"]])[:, 0], validation)
        score = sum(value * weights[name] for name, value in found.items()) / len(validation)
        if score > best:
            best, kept = score, model.get_weights()
    model.set_weights(kept)
    test = table.iloc[rows["test"]]
    predicted = model.predict_on_batch(features[rows["test"]])[:, 0]
    of_people = (test["database"] != ARTIFICIAL).to_numpy()
    return {**by_database(predicted, test), "pooled": srcc(predicted[of_people], test["truth"].to_numpy()[of_people])}


@click.command()
@click.argument("people_folder")
@click.argument("artificial_folder")
@click.option("--repeats", default=10, show_default=True)
@click.option("--epochs", default=8, show_default=True)
@click.option("--learning-rate", default=1e-4, show_default=True)
def main(people_folder: str, artificial_folder: str, repeats: int, epochs: int, learning_rate: float) -> None:
    """Median SRCC (quartiles) on held-out groups, a row a strategy."""
    (x_1, rows_1), (x_2, rows_2) = people(people_folder), artificial(artificial_folder)
    features = np.concatenate([x_1, x_2])
    table = pd.concat([rows_1, rows_2], ignore_index=True)
    click.echo(table["database"].value_counts().to_string())
    click.echo(table.groupby("database")["truth"].describe()[["min", "25%", "50%", "75%", "max"]].round(3).to_string())
    found = []
    for repeat in range(repeats):
        manifest = Manifest(table.drop(columns="split", errors="ignore"), None, RESCALED)
        split = split_manifest(manifest, SHARES, repeat, within="database").table
        is_train = (split["split"] == "train").to_numpy()
        scaled, _ = rescale(split, is_train)
        mean, deviation = features[is_train].mean(axis=0), features[is_train].std(axis=0) + 1e-6
        normal = np.clip((features - mean) / deviation, -10, 10)
        for strategy in STRATEGIES:
            result = trained(normal, replace(manifest, table=scaled).table, strategy, repeat, epochs, learning_rate)
            found.append({"strategy": strategy, "repeat": repeat, **result})
        click.echo(pd.DataFrame(found).groupby("strategy", sort=False)["pooled"].median().round(3).to_dict(), err=True)
    results = pd.DataFrame(found)
    for name in (*PAIRS, "pooled"):
        click.echo(f"\n{name}: median SRCC of {repeats} splits (quartiles)")
        for strategy, values in results.groupby("strategy", sort=False)[name]:
            low, middle, high = np.percentile(values, [25, 50, 75])
            click.echo(f"  {strategy:28}{middle:7.3f} ({low:.3f} to {high:.3f})")
    wide = results.pivot(index="repeat", columns="strategy", values="pooled")
    foil = "linear re-scaling, MSE"
    for strategy in STRATEGIES:
        if strategy != foil:
            click.echo(f"pooled: {strategy} above {foil} in {(wide[strategy] > wide[foil]).sum()} of {repeats} splits")


if __name__ == "__main__":
    main()
