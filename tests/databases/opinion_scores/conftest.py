"""Simulated studies of known truth."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest


def simulated_study(
    seed,
    stimuli=80,
    honest=60,
    noise=6.0,
    bias=2.0,
    repeats=6,
    clickers=0,
    inverted=0,
    constant=0,
    inconsistent=0,
):
    """Ratings of every stimulus by every subject on 0..100, each with some repeats, and the true quality.

    Honest subjects see the truth with an offset of their own (standard deviation `bias`) and noise. Clickers rate at
    random, inverted ones take the scale upside down, constant ones always say 50, inconsistent ones are honest but for
    their repeats, which are 30 off.
    """
    random = np.random.default_rng(seed)
    truth = random.permutation(np.linspace(10, 90, stimuli))
    names = np.array([f"{number}.jpg" for number in range(stimuli)])
    frames = []

    def rate(kind, count, scores):
        for number in range(count):
            shown = np.concatenate([np.arange(stimuli), random.choice(stimuli, repeats, replace=False)])
            rated = np.clip(scores(shown), 0, 100)
            frames.append(pd.DataFrame({"subject": f"{kind} {number}", "stimulus": names[shown], "score": rated}))

    def honestly(shown):
        return truth[shown] + random.normal(0, bias) + random.normal(0, noise, len(shown))

    def inconsistently(shown):
        scores = honestly(shown)
        first = scores[shown[stimuli:]]
        scores[stimuli:] = np.where(first > 50, first - 30, first + 30)
        return scores

    rate("honest", honest, honestly)
    rate("clicker", clickers, lambda shown: random.uniform(0, 100, len(shown)))
    rate("inverted", inverted, lambda shown: 100 - honestly(shown))
    rate("constant", constant, lambda shown: np.full(len(shown), 50.0))
    rate("inconsistent", inconsistent, inconsistently)
    return SimpleNamespace(table=pd.concat(frames, ignore_index=True), truth=pd.Series(truth, names))


@pytest.fixture(scope="session")
def simulate():
    return simulated_study
