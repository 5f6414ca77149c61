"""Small manifests, and jobs that run in this process."""

import hashlib

import pandas as pd
from PIL import Image
from scenes import scene

from tfiqa import distortions
from tfiqa.databases.manifest import read_manifest
from tfiqa.features.weak_labels.job import WeakLabelJob
from tfiqa.features.weak_labels.settings import Settings
from tfiqa.pipelines.records.reader import read_records

FEW = ("gmsd", "mdsi")  # quick to build, and small pictures are enough for them
SIDE = 96


class Here:
    """A runner without processes of its own."""

    def run(self, function, items, *, initializer=None):
        for item in items:
            yield item, function(item)


def write_table(folder, name, **columns):
    """A manifest of these columns."""
    path = folder / name
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def save_scenes(folder, count, side=SIDE, first=0):
    """The names of so many pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"s{number}.png" for number in range(first, first + count)]
    for number, name in enumerate(names, start=first):
        Image.fromarray(scene(number, side, side)).save(folder / name)
    return names


def pristine(folder, count, side=SIDE, **columns):
    """A manifest of so many pristine pictures."""
    names = save_scenes(folder / "pictures", count, side)
    return write_table(folder, "pristine.csv", image=[f"pictures/{name}" for name in names], **columns)


def distorted(folder, name="gaussian_blur", count=2, **columns):
    """A manifest of pristine pictures at five levels of a distortion, whose files are there."""
    references = save_scenes(folder / "ref", count)
    rows = [(number, level) for number in range(count) for level in distortions.LEVELS]
    (folder / "dist").mkdir()
    for number, level in rows:
        picture = distortions.apply(name, scene(number, SIDE, SIDE), level)
        Image.fromarray(picture).save(folder / f"dist/d{number}_{level}.bmp")
    return write_table(
        folder,
        "distorted.csv",
        image=[f"dist/d{number}_{level}.bmp" for number, level in rows],
        reference=[f"ref/{references[number]}" for number, _ in rows],
        distortion=[name] * len(rows),
        level=[level for _, level in rows],
        **columns,
    )


def job(path, folder, measures=FEW, shard_pictures=None, **settings):
    """The job of a manifest's file."""
    return WeakLabelJob(read_manifest(path), folder, Settings(measures, **settings), shard_pictures=shard_pictures)


def label(path, folder, *, resume=False, **options):
    """Runs a job here; what it made and its records."""
    finished = job(path, folder, **options).run(Here(), resume=resume)
    records = read_records(folder)
    records.check()
    return finished, records


def contents(folder):
    """Every file beneath a folder by its name, as a digest of its bytes."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
