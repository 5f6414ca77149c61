"""`tfiqa report deepfl-schemes`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import ends_in, say


@click.command("deepfl-schemes")
@click.option("--data", required=True, type=click.Path(path_type=Path), help="Manifest with opinion scores.")
@click.option(
    "--weak",
    required=True,
    type=click.Path(path_type=Path),
    help="A run of `tfiqa fit deepfl_mtl`, or its model.keras.",
)
@click.option(
    "--generic",
    default="imagenet",
    show_default=True,
    help="What it is compared with: imagenet, fresh (untrained), or the .keras file of another deepfl_mtl of the same body.",
)
@click.option(
    "--work",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for runs and features. The same command goes on with what is in it.",
)
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    callback=ends_in(".md", ".html"),
    help="Page to write: .md or .html.",
)
@click.option(
    "--finetunes", type=click.IntRange(min=1), default=1, show_default=True, help="Splits of the schemes 1 and 2."
)
@click.option(
    "--repeats", type=click.IntRange(min=1), default=100, show_default=True, help="Splits of the schemes 3 and 4."
)
@click.option(
    "--finetune-set", multiple=True, metavar="KEY=VALUE", help="Changes a setting of the recipe deepfl_finetune."
)
@click.option("--head-set", multiple=True, metavar="KEY=VALUE", help="Changes a setting of the recipe deepfl_head.")
@click.option("--workers", type=click.IntRange(min=1), help="Processes; by default one for each processor.")
def deepfl_schemes(
    data: Path,
    weak: Path,
    generic: str,
    work: Path,
    output: Path,
    finetunes: int,
    repeats: int,
    finetune_set: tuple[str, ...],
    head_set: tuple[str, ...],
    workers: int | None,
) -> None:
    """The four schemes of DeepFL-IQA's paper (table II): fine-tuning or MLSP features, from generic or weakly supervised weights.

    The splits of the schemes 1 and 2 are the first of those of 3 and 4; where the manifest has a split, it is that one.

    \b
      tfiqa report deepfl-schemes --data kadid.csv --weak runs/mtl --work schemes --output schemes.html
    """
    from tfiqa.cli.progress import picture_progress
    from tfiqa.cli.tensorflow_start import chosen_device, keep_freed_memory_in_training, load_tensorflow
    from tfiqa.databases.manifest import read_manifest
    from tfiqa.training.recipe_files import read_recipe

    _refuse("--finetune-set", finetune_set, ("model", "split", "seed", "training.seed"))
    _refuse("--head-set", head_set, ("split", "repeats", "from_manifest"))
    read_recipe("deepfl_head", head_set)  # before anything else, so that a slip shows at once
    manifest = read_manifest(data, required=("image", "score"))
    load_tensorflow()
    keep_freed_memory_in_training()
    from tfiqa.features.mlsp.model_file import mlsp_model_info
    from tfiqa.features.runners.local import LocalRunner
    from tfiqa.pipelines.labelled_pictures import LabelledPictures
    from tfiqa.reports.deepfl_schemes import GENERIC, WEAK, Schemes, generic_model, schemes_page
    from tfiqa.reports.page import write_page
    from tfiqa.serving.scorer import find_model

    trained = find_model(weak)
    read_recipe("deepfl_finetune", [*finetune_set, f"model.options.body={mlsp_model_info(trained).options['body']}"])
    fresh = {"imagenet": "imagenet", "fresh": None}
    other = generic_model(trained, fresh[generic], work) if generic in fresh else find_model(Path(generic))
    device = chosen_device(workers)
    schemes = Schemes(
        data,
        LabelledPictures.of(manifest),
        {GENERIC: other, WEAK: trained},
        work,
        finetunes,
        repeats,
        finetune_set,
        head_set,
        device,
    )
    runner = LocalRunner(1 if device == "gpu" else workers)
    results = schemes.run(runner, load_tensorflow, say=say, progress=picture_progress("checking pictures"))
    for path in write_page(schemes_page(schemes, results), output):
        say(f"wrote {path}")


def _refuse(option: str, settings: tuple[str, ...], own: tuple[str, ...]) -> None:
    """Refuses settings that the command decides itself."""
    for setting in settings:
        key = setting.partition("=")[0]
        if key in own or key.split(".")[0] in own:
            raise click.UsageError(f"{option} {key}: this command decides that itself")
