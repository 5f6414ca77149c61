"""Released checkpoints that others published scores of, so that an import can be checked end to end."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tfiqa.errors import CheckpointError


@dataclass(frozen=True)
class PublishedScores:
    """What was published of one picture.

    Args:
        quality: of the whole picture.
        source: where.
        maps: the qualities of blocks, row by row; a map's numbers of rows and columns are those of its grid.
    """

    quality: float
    source: str
    maps: tuple[tuple[tuple[float, ...], ...], ...] = ()


@dataclass(frozen=True)
class KnownCheckpoint:
    """A checkpoint with published scores.

    Args:
        model: the name that `import_weights` has for its source.
        released_as: the file.
        sha256: of its content, the first hexadecimal digits.
        pictures: the scores by the picture's file name.
    """

    model: str
    released_as: str
    sha256: str
    pictures: Mapping[str, PublishedScores]


_DEMO = "baidut/paq2piq, demo.ipynb at 48c91e8"
_CALIBRATION = "chaofengc/IQA-PyTorch, ResultsCalibra/results_official.csv at 01ae427"
KNOWN: tuple[KnownCheckpoint, ...] = (
    KnownCheckpoint(
        "paq2piq_roipool",
        # chaofengc/IQA-PyTorch re-saved the authors' file as a bare state dict; torch.hub names a file by its SHA-256.
        "P2P_RoIPoolModel-fit.10.bs.120-ca69882e.pth, a copy of RoIPoolModel-fit.10.bs.120.pth",
        "ca69882e",
        {
            "Picture1.jpg": PublishedScores(
                78.962646484375,
                _DEMO,
                (
                    (
                        (56.94139, 52.462883, 66.257835, 76.69468, 58.27639),
                        (77.81871, 80.52271, 77.084145, 77.49236, 73.69306),
                        (62.055008, 76.67737, 77.27311, 70.03677, 69.17646),
                    ),
                    (
                        (51.78375, 47.534958, 51.692028, 51.02082, 49.804256),
                        (67.91715, 64.76189, 73.93769, 80.79623, 66.441765),
                        (77.52105, 80.15939, 75.50788, 74.21229, 73.43838),
                        (62.58222, 76.745316, 76.18614, 70.62961, 70.1612),
                        (62.93747, 73.12994, 74.427986, 70.09519, 68.26739),
                    ),
                ),
            ),
            "I03.bmp": PublishedScores(44.1340, _CALIBRATION),
            "I04.bmp": PublishedScores(73.6015, _CALIBRATION),
            "I06.bmp": PublishedScores(74.3297, _CALIBRATION),
            "I08.bmp": PublishedScores(76.8748, _CALIBRATION),
            "I19.bmp": PublishedScores(70.9153, _CALIBRATION),
        },
    ),
)


def known_checkpoints(model: str) -> tuple[KnownCheckpoint, ...]:
    """Those of one source."""
    return tuple(each for each in KNOWN if each.model == model)


def recognised(checkpoint: Path, model: str) -> KnownCheckpoint | None:
    """The known checkpoint of a source that a file is, by its content. Raises CheckpointError for a file that cannot be read."""
    known = known_checkpoints(model)
    if not known:
        return None
    try:
        with open(checkpoint, "rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"{checkpoint} cannot be read: {error.strerror or error}") from error
    return next((each for each in known if digest.startswith(each.sha256)), None)
