"""The text files of LIBSVM: a trained regression (svm-train) and the ranges that its features were scaled by (svm-scale).

Format: C.-C. Chang, C.-J. Lin, "LIBSVM: A Library for Support Vector Machines", ACM TIST 2(3), 2011, and its README.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfiqa.errors import CheckpointError

Values = NDArray[np.float64]
WANTED = {"svm_type": "epsilon_svr", "kernel_type": "rbf"}


@dataclass(frozen=True, eq=False)
class LibsvmRegression:
    """sum_i coefficients_i exp(-gamma |x - support_i|^2) - rho.

    Args:
        gamma: of the kernel.
        rho: minus the intercept.
        coefficients: (M,).
        support: (M, F).
    """

    gamma: float
    rho: float
    coefficients: Values
    support: Values


def read_regression(path: str | os.PathLike[str], features: int) -> LibsvmRegression:
    """An epsilon-SVR with an RBF kernel on so many features; those that a line leaves out are 0.

    Raises:
        CheckpointError: the file cannot be read, is damaged, or holds another kind of machine.
    """
    header, found, body = _text(path).partition("\nSV\n")
    try:
        facts = dict(line.split(maxsplit=1) for line in header.splitlines())
        for name, value in WANTED.items():
            if facts.get(name) != value:
                raise ValueError(f"{name} is {facts.get(name)}, not {value}")
        lines = [line.split() for line in body.splitlines()]
        if not found or len(lines) != int(facts["total_sv"]):
            raise ValueError(f"it has {len(lines)} support vectors where its header says {facts['total_sv']}")
        coefficients = np.array([float(line[0]) for line in lines])
        support = np.stack([_vector((cell.split(":") for cell in line[1:]), features) for line in lines])
        gamma, rho = float(facts["gamma"]), float(facts["rho"])
    except KeyError as error:
        raise CheckpointError(f"{path} is no LIBSVM model: it has no {error}") from None
    except (ValueError, IndexError) as error:
        raise CheckpointError(f"{path} is no LIBSVM regression that can be read: {error}") from None
    return LibsvmRegression(gamma, rho, coefficients, support)


def read_ranges(path: str | os.PathLike[str], features: int) -> tuple[Values, Values]:
    """Minimum and maximum (F,) of each feature, which are scaled to -1 and 1.

    Raises:
        CheckpointError: the file cannot be read, is damaged, has another target, or lacks a feature.
    """
    lines = [line.split() for line in _text(path).splitlines()]
    try:
        if lines[0] != ["x"] or [float(cell) for cell in lines[1]] != [-1, 1]:
            raise ValueError("it does not scale features to -1 and 1")
        rows = {int(index): (float(low), float(high)) for index, low, high in lines[2:]}
        low, high = np.array([rows[place] for place in range(1, features + 1)]).T
    except KeyError as error:
        raise CheckpointError(f"{path} has no range of feature {error}") from None
    except (ValueError, IndexError) as error:
        raise CheckpointError(f"{path} holds no ranges of svm-scale that can be read: {error}") from None
    return low, high


def _vector(cells: Iterable[list[str]], features: int) -> Values:
    """(F,) of (index, value), counted from 1."""
    vector = np.zeros(features)
    for index, value in cells:
        if not 1 <= int(index) <= features:
            raise ValueError(f"feature {index} of {features}")
        vector[int(index) - 1] = float(value)
    return vector


def _text(path: str | os.PathLike[str]) -> str:
    try:
        with open(path, encoding="ascii") as stream:
            return stream.read()
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise CheckpointError(f"{path} is not a text file of LIBSVM") from None
