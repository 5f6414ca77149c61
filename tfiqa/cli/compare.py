"""`tfiqa compare`."""

from __future__ import annotations

from pathlib import Path

import click

from tfiqa.cli.output import SOME_FAILED, row_writer, say

COLUMNS = ("path_1", "path_2", "quality_1", "uncertainty_1", "quality_2", "uncertainty_2", "probability", "error")


@click.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option(
    "--model", required=True, type=click.Path(path_type=Path), help="A run, a .keras file or an exported folder."
)
@click.option("--format", "form", type=click.Choice(["csv", "jsonl"]), default="csv", show_default=True)
@click.option("--output", default="-", help="File, written whole; '-' is standard output.")
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Patches in one pass.")
@click.pass_context
def compare(
    context: click.Context, first: Path, second: Path, model: Path, form: str, output: str, batch_size: int
) -> None:
    """The probability that picture FIRST looks better than picture SECOND, by a model that tells its uncertainty (unique).

    By Thurstone's model: Phi of the difference of the qualities over the root of the sum of their variances. Exit status 3
    when a picture failed; the row then has its error.
    """
    from tfiqa.cli.tensorflow_start import load_tensorflow

    load_tensorflow()

    from tfiqa.evaluation.thurstone import probability_matrix
    from tfiqa.serving.scorer import Scorer
    from tfiqa.serving.uncertain_scores import require_uncertainty

    scorer = Scorer.load(model, batch_size=batch_size)
    require_uncertainty(scorer)
    assert scorer.info.scale is not None  # Scorer refuses models without one
    say(f"{scorer.source}: {scorer.info.scale}")
    one, two = scorer.rows([first, second])
    errors = [row["error"] for row in (one, two) if row["error"] is not None]
    probability = None
    if not errors:
        qualities = scorer.info.scale.oriented([one["quality"], two["quality"]])
        probability = float(probability_matrix(qualities, [one["uncertainty"], two["uncertainty"]])[0, 1])
    with row_writer(output, form, COLUMNS) as write:
        write(
            {
                **{f"{name}_1": one[name] for name in ("path", "quality", "uncertainty")},
                **{f"{name}_2": two[name] for name in ("path", "quality", "uncertainty")},
                "probability": probability,
                "error": "; ".join(errors) or None,
            }
        )
    if errors:
        context.exit(SOME_FAILED)
