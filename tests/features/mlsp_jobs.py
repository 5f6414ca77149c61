"""Small models and manifests, and jobs that run in this process."""

from pathlib import Path

import keras
import pandas as pd
from PIL import Image
from scenes import scene
from weak_label_jobs import Here

import tfiqa
from tfiqa.features.mlsp.job import MlspJob
from tfiqa.features.mlsp.settings import MlspSettings
from tfiqa.pipelines.labelled_pictures import read_labelled_pictures

SIZES = ((64, 80), (100, 64), (64, 80), (72, 72), (64, 80), (100, 64))  # height, width


def save_model(path, name="deepfl_mtl", seed=0, **options):
    """A model with fresh weights, in a file."""
    keras.utils.set_random_seed(seed)
    options = {"body": "resnet18", **({"measures": ["ssim"]} if name == "deepfl_mtl" else {}), **options}
    tfiqa.build_model(name, **options).save(path)
    return path


def save_pictures(folder, count, sizes=SIZES, **columns):
    """A manifest of so many pictures, of these sizes in turn, with scores."""
    (folder / "pictures").mkdir(parents=True)
    names = [f"pictures/p{number:02}.png" for number in range(count)]
    for number, name in enumerate(names):
        Image.fromarray(scene(number, *sizes[number % len(sizes)])).save(folder / name)
    table = {"image": names, "score": [10 + number / 3 for number in range(count)], **columns}
    pd.DataFrame(table).to_csv(folder / "m.csv", index=False)
    return folder / "m.csv"


def job(data, folder, model, *, shard_pictures=None, **settings):
    """The job of a manifest's file or a packed folder."""
    pictures = read_labelled_pictures(Path(data))
    return MlspJob(pictures, folder, model, MlspSettings(**settings), shard_pictures=shard_pictures)


def extract(data, folder, model, *, resume=False, **options):
    """Runs a job here; what it made."""
    return job(data, folder, model, **options).run(Here(), resume=resume)
