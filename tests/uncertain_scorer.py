"""A scorer of UNIQUE's outputs without its network: quality and uncertainty stand in each picture's file name."""

from pathlib import Path

import numpy as np
from PIL import Image

from tfiqa.errors import NotAPicture
from tfiqa.models.model_info import info_of
from tfiqa.models.unique import UniqueOptions


class NamedPredictor:
    """Reads `<quality>_<uncertainty>_anything.png`; any other name is no picture. Counts what it is asked for."""

    def __init__(self):
        self.asked = 0

    def predict(self, source):
        self.asked += 1
        try:
            quality, uncertainty = map(float, Path(source).name.split("_")[:2])
        except ValueError:
            raise NotAPicture(str(source), "is no picture") from None
        return {"quality": np.array([quality]), "uncertainty": np.array([uncertainty])}

    def predict_all(self, sources, exif=None):
        for source in sources:
            try:
                yield self.predict(source)
            except NotAPicture as error:
                yield error


def uncertain_scorer(source, *, uncertainty=True):
    """A scorer of the file `source`, which is made if need be."""
    from tfiqa.serving.scorer import Scorer

    source.touch()
    return Scorer(NamedPredictor(), info_of("unique", UniqueOptions(uncertainty=uncertainty)), source)


def named_pictures(folder, numbers):
    """Small pictures of the given (quality, uncertainty), as paths in order."""
    paths = [folder / f"{quality}_{uncertainty}_{place}.png" for place, (quality, uncertainty) in enumerate(numbers)]
    for path in paths:
        Image.new("RGB", (8, 8)).save(path)
    return paths
