"""A small exported model in the place of the one that comes with tfiqa."""

import atexit
import functools
import shutil
import tempfile
from pathlib import Path

from map_models import picture_model

from tfiqa.images.protocol import PictureProtocol
from tfiqa.score_scale import ScoreScale
from tfiqa.serving.package import export_model
from tfiqa.serving.shipped_model import SHIPPED

SCALE = ScoreScale(0.0, 100.0, True, "brightness", words=True)


@functools.cache
def stand_in_folder():
    """What `shipped_models_folder` gives: of its one model `quality` is the mean grey value of pictures of shorter side 64."""
    folder = Path(tempfile.mkdtemp(prefix="tfiqa-shipped-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    export_model(picture_model(PictureProtocol("shorter_side:64"), SCALE), folder / SHIPPED, warm_up=())
    return folder


def stand_in(monkeypatch, folder=None):
    """Has tfiqa look for the model in a folder, by default `stand_in_folder`; gives the model's base folder."""
    folder = folder or stand_in_folder()
    monkeypatch.setattr("tfiqa.serving.shipped_model.shipped_models_folder", lambda: folder)
    return folder / SHIPPED
