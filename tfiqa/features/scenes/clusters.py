"""Types of scenes: clusters of `scene_descriptor`, which label pictures for a second task.

Reference: DCNNS, section 3.2: k-means into four types. The starts and the order of the types are decisions of this project.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tfiqa.errors import InvalidInput
from tfiqa.features.scenes.layout import BINS, EDGES, LARGEST_DEVIATION, LENGTH, PEAK, scene_columns
from tfiqa.files import read_json, write_text

FORMAT, VERSION = "tfiqa scene types", 1
TYPES = 4  # DCNNS, section 3.2
RESTARTS = 10


@dataclass(frozen=True)
class SceneLook:
    """What the pictures of a type look like on average.

    Args:
        brightness: mean grey value, 0..255.
        contrast: mean standard deviation within a block, 0..127.5.
        edges: the share of each of `EDGES` among the edges, 0..1; sums to 1 where all pictures have edges.
    """

    brightness: float
    contrast: float
    edges: dict[str, float]

    def __str__(self) -> str:
        edges = ", ".join(f"{name} {share:.0%}" for name, share in self.edges.items())
        return f"brightness {self.brightness:.0f} of 255, contrast of blocks {self.contrast:.0f}; edges: {edges}"


@dataclass(frozen=True, eq=False)
class SceneTypes:
    """Centroids that assign a picture to the type of scene nearest to its descriptor.

    Args:
        centroids: finite numbers (K, 37), K at least 1. Raises InvalidInput for others.
    """

    centroids: NDArray[np.float64]

    def __post_init__(self) -> None:
        try:
            centroids = np.array(self.centroids, np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"centroids of scene types are rows of numbers ({error})") from error
        if (
            centroids.ndim != 2
            or not len(centroids)
            or centroids.shape[1] != LENGTH
            or not np.isfinite(centroids).all()
        ):
            raise InvalidInput(f"scene types have finite centroids (K, {LENGTH}). Received the shape {centroids.shape}")
        object.__setattr__(self, "centroids", centroids)

    def __len__(self) -> int:
        return len(self.centroids)

    @property
    def columns(self) -> tuple[str, ...]:
        """The manifest's columns: scene_0, scene_1, ..."""
        return scene_columns(len(self))

    def distances(self, descriptors: ArrayLike) -> NDArray[np.float64]:
        """Euclidean distances (N, K) of descriptors (N, 37) to the centroids."""
        points = np.asarray(descriptors, np.float64)
        return np.stack([np.sqrt(((points - centroid) ** 2).sum(axis=1)) for centroid in self.centroids], axis=1)

    def assign(self, descriptors: ArrayLike) -> NDArray[np.int64]:
        """The number (N,) of the type nearest to each descriptor (N, 37), the first of equally near ones."""
        return np.argmin(self.distances(descriptors), axis=1)

    def looks(self) -> list[SceneLook]:
        """What the pictures of each type look like."""
        return [
            SceneLook(_mean_of_bins(means, PEAK), _mean_of_bins(spreads, LARGEST_DEVIATION), _named(edges))
            for means, spreads, edges in (np.split(centroid, [BINS, 2 * BINS]) for centroid in self.centroids)
        ]

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary that `from_dict` takes back."""
        return {"format": FORMAT, "version": VERSION, "centroids": self.centroids.tolist()}

    @classmethod
    def from_dict(cls, values: Any) -> SceneTypes:
        """The types that `to_dict` wrote. Raises InvalidInput for something else, or of another version."""
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise InvalidInput("these are no scene types")
        if values.get("version") != VERSION:
            raise InvalidInput(f"they have version {values.get('version')!r}, this tfiqa reads version {VERSION}")
        return cls(values.get("centroids", []))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes them as JSON, whole or not at all. Raises StorageError when the system refuses."""
        write_text(path, json.dumps(self.to_dict(), allow_nan=False) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SceneTypes:
        """The types that `save` wrote. Raises InvalidInput, naming the file, when they cannot be read."""
        return read_json(path, cls.from_dict, "holds no scene types")


def fit_scene_types(descriptors: ArrayLike, clusters: int = TYPES, seed: int = 0) -> SceneTypes:
    """Clusters pictures by k-means with k-means++ starts, the best of 10.

    Types are numbered from the darkest to the brightest, by the mean of their blocks' means. The result depends on the order
    of the pictures, as the starts are drawn by it, and not on the number of processors.

    Args:
        descriptors: (N, 37), as `scene_descriptor` gives them.
        clusters: how many types.
        seed: of the starts, from 0 to below 2^32.

    Raises:
        InvalidInput: fewer pictures that differ than clusters.
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    points = np.asarray(descriptors, np.float64)
    distinct = len(np.unique(points, axis=0))
    if distinct < clusters:
        raise InvalidInput(
            f"{clusters} types of scenes take at least as many pictures that look different. Received: {distinct}"
        )
    with threadpool_limits(limits=1):  # sums in one order on every machine
        means = KMeans(clusters, init="k-means++", n_init=RESTARTS, random_state=seed).fit(points)
    centroids = means.cluster_centers_
    brightness = [_mean_of_bins(centroid[:BINS], PEAK) for centroid in centroids]
    return SceneTypes(centroids[np.argsort(brightness, kind="stable")])


def _mean_of_bins(shares: NDArray[np.float64], peak: float) -> float:
    """The mean of what a histogram over 0..peak counts, by the middles of its bins."""
    return float(shares @ (np.arange(BINS) + 0.5)) * peak / BINS


def _named(shares: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(EDGES, map(float, shares), strict=True))
