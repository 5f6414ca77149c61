"""`tfiqa extract scene`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfiqa.cli.output import SOME_FAILED, ends_in, say, say_some

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from tfiqa.features.scenes.clusters import SceneTypes

LARGEST_SEED = 2**32 - 1  # that NumPy takes


@click.command()
@click.argument("source", metavar="MANIFEST_OR_FOLDER")
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    callback=ends_in(".csv", ".parquet"),
    help="Manifest to write: .csv or .parquet.",
)
@click.option("--clusters", type=click.IntRange(min=1), help="How many types to find. [default: 4]")
@click.option("--seed", type=click.IntRange(0, LARGEST_SEED), default=0, show_default=True)
@click.option(
    "--scenes",
    "known",
    type=click.Path(path_type=Path),
    help="Types that were found before: a .scenes.json file, a run folder or a model that was trained with some.",
)
@click.option(
    "--sheet",
    type=click.Path(path_type=Path),
    callback=ends_in(".html", ".md", ".png"),
    help="Page that shows pictures of each type: .html, .md or .png.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Decoding threads; by default one per processor.")
@click.pass_context
def scene(
    context: click.Context,
    source: str,
    output: Path,
    clusters: int | None,
    seed: int,
    known: Path | None,
    sheet: Path | None,
    workers: int | None,
) -> None:
    """Tell pictures apart by type of scene: brightness, contrast and edges, clustered as for DCNNS.

    The types are found in the pictures of split train, in all where the manifest has no splits, and numbered from the darkest
    to the brightest. --output is the manifest with the columns scene_0, scene_1, ..., 1 for a picture's type and else 0, in
    place of such columns that it had; NAME.scenes.json beside it holds the types, for --scenes.

    Exit status 3 when some pictures cannot be described; they are listed and left out.
    """
    from tfiqa.cli.progress import picture_progress
    from tfiqa.cli.tensorflow_start import load_tensorflow

    if known is not None and clusters is not None:
        raise click.UsageError("--clusters goes with types to find, not with --scenes")
    load_tensorflow()

    from dataclasses import replace

    import numpy as np

    from tfiqa.databases.manifest import write_manifest
    from tfiqa.databases.picture_statistics import read_collection
    from tfiqa.errors import InvalidInput
    from tfiqa.features.scenes.labels import with_scenes
    from tfiqa.features.scenes.pictures import describe_pictures

    types = None if known is None else _known_types(known)
    manifest = read_collection([source])
    files = manifest.picture_paths()
    descriptors, errors = describe_pictures(files, workers=workers, progress=picture_progress("describing"))
    sound = np.array([error is None for error in errors])
    bad = [error for error in errors if error is not None]
    if not sound.any():
        raise InvalidInput(f"no picture of {source} can be described: {bad[0]}")
    table, descriptors = manifest.table[sound].reset_index(drop=True), descriptors[sound]
    if types is None:
        types = _found_types(table, descriptors, clusters, seed)
    labelled = replace(manifest, table=with_scenes(table, types, descriptors))
    write_manifest(labelled, output)
    types.save(output.with_suffix(".scenes.json"))
    for name, look in zip(types.columns, types.looks(), strict=True):
        say(f"{name}: {labelled.table[name].sum():,} pictures; {look}")
    if sheet is not None:
        from tfiqa.reports.scene_sheet import write_scene_sheet

        own = [file for file, is_sound in zip(files, sound, strict=True) if is_sound]
        write_scene_sheet(sheet, types, descriptors, own, title=f"Types of scenes in {source}", seed=seed)
    say(f"{output}: {len(table):,} pictures")
    say_some("failed", bad)
    if bad:
        context.exit(SOME_FAILED)


def _known_types(source: Path) -> SceneTypes:
    import numpy as np

    from tfiqa.errors import InvalidInput
    from tfiqa.features.scenes.clusters import SceneTypes
    from tfiqa.serving.package import read_card
    from tfiqa.serving.scorer import find_model
    from tfiqa.training.run_folder import RunFolder
    from tfiqa.weights.model_file import read_model_info

    if source.suffix == ".json":
        return SceneTypes.load(source)
    if RunFolder(source).scenes.is_file():
        return SceneTypes.load(RunFolder(source).scenes)
    model = find_model(source)
    info = read_card(model) if model.is_dir() else read_model_info(model)
    if info.scenes is None:
        raise InvalidInput(f"{source} was not trained with types of scenes that clustering found")
    return SceneTypes(np.array(info.scenes))


def _found_types(table: pd.DataFrame, descriptors: NDArray[np.float32], clusters: int | None, seed: int) -> SceneTypes:
    import numpy as np

    from tfiqa.errors import InvalidInput
    from tfiqa.features.scenes.clusters import TYPES, fit_scene_types

    has_splits = "split" in table
    chosen = (table["split"] == "train").to_numpy() if has_splits else np.ones(len(table), bool)
    if not chosen.any():
        raise InvalidInput("no picture of split train can be described; drop the column 'split' to take all")
    types = fit_scene_types(descriptors[chosen], clusters or TYPES, seed)
    say(
        f"{len(types)} types found in {'the' if has_splits else 'all'} {chosen.sum():,} pictures"
        f"{' of split train' if has_splits else ''}"
    )
    return types
