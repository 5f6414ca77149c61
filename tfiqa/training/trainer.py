"""`tfiqa fit`: from a recipe and manifests to a run folder with a chosen, tested model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfiqa.errors import InvalidInput, ManifestError, StorageError
from tfiqa.evaluation.agreement import Report
from tfiqa.evaluation.tasks import tasks_of, trained_scale
from tfiqa.models.unique import SCALE as THURSTONE_SCALE
from tfiqa.models.with_uncertainty import with_uncertainty
from tfiqa.pipelines.batches import RANKING
from tfiqa.pipelines.box_batches import SCORES
from tfiqa.pipelines.precision import resolve_precision
from tfiqa.training.final_report import report_held_out
from tfiqa.training.held_out import held_out_predictor
from tfiqa.training.learning_boxes import box_trained
from tfiqa.training.learning_pairs import DrawnPairs, drawn_pairs, pair_trained
from tfiqa.training.recipe import Recipe
from tfiqa.training.run_folder import RunFolder
from tfiqa.training.training_data import Progress, TrainingData, load_training_data
from tfiqa.training.training_pictures import training_pictures
from tfiqa.weights.build import build_model, ensure_weights

if TYPE_CHECKING:
    import keras

    from tfiqa.models.quality_model import QualityModel
    from tfiqa.training.checkpoint import RunState

Say = Callable[[str], None]


def fit(
    recipe: Recipe,
    manifests: Sequence[str | Path],
    output: str | Path,
    *,
    resume: bool = False,
    say: Say = lambda text: None,
    progress: Progress | None = None,
) -> dict[str, Report]:
    """Trains a model by a recipe.

    Args:
        recipe: every setting.
        manifests: the data; rows without a `split` column are split by the recipe, groups kept together.
        output: the run folder, new or empty; with `resume` one that holds a run of the same recipe and data.
        resume: go on after the newest checkpoint. On a CPU the result equals that of an uninterrupted run bit for bit, where
            both set TensorFlow up alike: the command line does so by `cli/tensorflow_start.py`.
        say: told one line at each stage.
        progress: called with (done, all) while the pictures are checked, and each time that they are read again before training.

    Returns:
        The final reports by split: `test`, and `validation`; that of the recipe's `validation.chosen_on` chose the epoch and so
        flatters the model.

    Raises TfiqaError subclasses, one line each, for everything that a user can cause.
    """
    folder = RunFolder(Path(output))
    # From here the recipe names the arithmetic, so that a run resumed on another machine cannot change it unseen.
    precision = resolve_precision(recipe.training.precision)
    recipe = replace(recipe, training=replace(recipe.training, precision=precision))
    if resume:
        folder.check_resumable(recipe)
    else:
        folder.check_free()
    if not folder.checkpoint_epochs():  # later ones need no start weights
        ensure_weights(recipe.model.name, recipe.model.weights, recipe.model.options)
    data = load_training_data(
        recipe, [Path(m) for m in manifests], previous=folder.pictures if resume else None, progress=progress
    )
    chosen_on = recipe.validation.chosen_on
    if chosen_on == "test" and not data.counts()["test"]:
        raise ManifestError("validation.chosen_on=test: there are no test pictures to choose the epoch")
    drawn = drawn_pairs(data.rows("train").manifest, recipe.pairs, recipe.training.seed) if recipe.learns_pairs else ()
    if resume:
        _check_same_data(folder, data)
    else:
        folder.start(recipe)
        data.write(folder)
    counts = ", ".join(f"{split} {count}" for split, count in data.counts().items())
    say(f"{len(data.manifest.table)} pictures ({counts}), {len(data.skipped)} skipped; score: {data.manifest.scale}")
    if data.moved:
        say(
            f"{data.moved} pictures are test pictures because they, or others of their group, are larger than "
            f"{recipe.training_resize} takes"
        )
    if data.scenes:
        replaced = "; the manifests' own columns are not used" if data.scenes_replaced else ""
        say(f"types of scenes by clustering the pictures to train on: {_scene_counts(data)}{replaced}")
    if drawn:
        say("pairs an epoch: " + ", ".join(f"{each.database} {len(each.stream)}" for each in drawn))
    if silent := _without_validation(data, chosen_on):
        say(f"warning: no {chosen_on} pictures of {', '.join(silent)}: they have no say in which epoch is kept")
    if chosen_on == "test":
        say("warning: the test pictures choose the epoch, so that the figures on them are optimistic")
    copies = data.copies_across_splits()
    if copies:
        say(
            f"warning: {copies} files are in several splits under different names; `tfiqa data split --near-duplicates` "
            "keeps them together"
        )

    model, state = _train(recipe, data, drawn, folder, say, progress)
    model = _chosen(recipe, data, folder, model, state)
    folder.save_model(model)
    reports = report_held_out(recipe, data, folder, model, state, say)
    say(f"the model of epoch {state.chosen_epoch} is in {folder.model}")
    return reports


def _scene_counts(data: TrainingData) -> str:
    """Pictures of each type, from the darkest to the brightest."""
    table = data.rows("train").manifest.table
    return ", ".join(f"{name} {table[name].sum()}" for name in data.scenes.columns) if data.scenes else ""


def _without_validation(data: TrainingData, chosen_on: str) -> list[str]:
    """The databases without pictures that choose the epoch, where others have some."""
    names = data.databases(data.rows(chosen_on))
    if names is None or names.empty:
        return []
    return [each.database for each in data.rescalings if each.database not in set(names)]


def _check_same_data(folder: RunFolder, data: TrainingData) -> None:
    import json

    if not folder.data.is_file():
        data.write(folder)  # killed between the recipe and the data: nothing was trained yet
        return
    before = json.loads(folder.data.read_text(encoding="utf-8"))["fingerprint"]
    if before != data.fingerprint:
        raise InvalidInput(f"the pictures or scores are not those that {folder.root} was started with")


def _train(
    recipe: Recipe,
    data: TrainingData,
    drawn: Sequence[DrawnPairs],
    folder: RunFolder,
    say: Say,
    progress: Progress | None,
) -> tuple[QualityModel, RunState]:
    import keras

    from tfiqa.training.callbacks import write_log
    from tfiqa.training.checkpoint import load_model, load_optimizer, load_state
    from tfiqa.training.optimizers import freeze_all_but, make_optimizer, unfreeze

    settings = recipe.training
    on_tensorflow = keras.backend.backend() == "tensorflow"
    keras.utils.set_random_seed(settings.seed)
    if settings.deterministic and on_tensorflow:
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    state = load_state(folder)
    policy = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16" if settings.precision == "bfloat16" else "float32")
    try:
        model = _build(recipe, data, weights=None if state.epochs_done else recipe.model.weights)
    finally:
        keras.mixed_precision.set_dtype_policy(policy)
    if state.epochs_done:
        load_model(folder, state.epochs_done, model)
        say(f"resumed after epoch {state.epochs_done}")
    trained: keras.Model = model
    if recipe.learns_pairs:
        trained = pair_trained(model)
    elif recipe.data.boxes:
        trained = box_trained(model)
    trains_on = training_pictures(recipe, data, drawn, model, folder, say, progress)
    callbacks = _callbacks(recipe, data, folder, model, state, say)
    for start, end in _phases(settings.frozen_epochs, settings.epochs):
        if state.epochs_done >= end:
            continue
        if end <= settings.frozen_epochs:
            freeze_all_but(model, recipe.spec.head, settings.frozen_batch_norm)
        else:
            unfreeze(model)
        optimizer = make_optimizer(settings, state.epochs_done, model, recipe.spec.head)
        _compile(trained, recipe, optimizer, on_tensorflow)
        optimizer.build(trained.trainable_variables)
        if start < state.epochs_done:
            load_optimizer(folder, state.epochs_done, optimizer)
        batches = trains_on.batches(settings.batch_size_of(start))
        with _tensorflow_errors(folder):
            trained.fit(
                trains_on.dataset(batches, state.epochs_done, end),
                initial_epoch=state.epochs_done,
                epochs=end,
                steps_per_epoch=batches.steps,
                callbacks=callbacks(batches.steps),
                shuffle=False,  # the pipeline has its own order
                verbose=0,
            )
    write_log(folder, state)  # a kill may have come between the last checkpoint and its log
    return model, state


@contextmanager
def _tensorflow_errors(folder: RunFolder) -> Iterator[None]:
    """Turns an error of TensorFlow into one line: InvalidInput for a picture that changed on the way, StorageError for the
    rest, such as a full disk."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        of_ours = re.search(r"^tfiqa\.errors\.\w+: (.*)$", error.message, re.MULTILINE)  # raised by the data pipeline
        reason = of_ours[1] if of_ours else error.message.splitlines()[0][:300]
        raise (InvalidInput if of_ours else StorageError)(
            f"training stopped: {reason} (--resume goes on after the newest checkpoint in {folder.root})"
        ) from error


def _phases(frozen_epochs: int, epochs: int) -> Iterator[tuple[int, int]]:
    if frozen_epochs:
        yield 0, frozen_epochs
    if epochs > frozen_epochs:
        yield frozen_epochs, epochs


def _build(recipe: Recipe, data: TrainingData, weights: str | None) -> QualityModel:
    """The recipe's model, with the scale of the data and the recipe's resize policy."""
    model = build_model(recipe.model.name, weights=weights, **recipe.model.options)
    if recipe.learns_pairs:
        model = with_uncertainty(model)
    protocol = model.info.protocol
    if recipe.data.resize is not None:
        protocol = replace(protocol, resize=recipe.data.resize)
    learned = THURSTONE_SCALE if recipe.learns_pairs else data.manifest.scale
    scale = trained_scale(model.info, learned, recipe.data.equalize)
    scenes = data.scenes.centroids.tolist() if data.scenes else None
    model.info = replace(model.info, scale=scale, protocol=protocol, scenes=scenes)
    return model


def _compile(model: keras.Model, recipe: Recipe, optimizer: Any, on_tensorflow: bool) -> None:
    losses: Any
    weights: Any = None
    if recipe.learns_pairs:
        from tfiqa.losses.ranking import PairLoss

        losses = {RANKING: PairLoss(recipe.pair_settings)}
    elif recipe.data.boxes:
        from tfiqa.losses.regression import KnownMean

        losses = {SCORES: KnownMean(recipe.loss.name)}
    else:
        from tfiqa.losses.multitask import compiled_losses

        losses, weights = compiled_losses(model, recipe.loss.name, tuple(recipe.spec.targets), recipe.loss.weights)
    # On a CPU XLA gains nothing on a ResNet-50, compiles anew for each last, smaller batch, and shuns deterministic operations.
    model.compile(optimizer, loss=losses, loss_weights=weights, jit_compile=False if on_tensorflow else "auto")


def _callbacks(
    recipe: Recipe, data: TrainingData, folder: RunFolder, model: QualityModel, state: RunState, say: Say
) -> Callable[[int], list[Any]]:
    """A function of the steps in an epoch to the callbacks, in the order in which they must run."""
    import keras

    from tfiqa.training.callbacks import EpochRecorder, PictureValidation, ProgressBar

    chooses = data.rows(recipe.validation.chosen_on)
    settings, how = recipe.training, recipe.validation
    shared: list[Any] = [keras.callbacks.LearningRateScheduler(lambda epoch, _: settings.learning_rate_of(epoch))]
    if len(chooses):
        resize = how.resize if how.chosen_on == "validation" else None  # test pictures have the model's own
        predict = held_out_predictor(model, recipe, resize=resize, stride=how.stride)
        tasks = tasks_of(model.info, chooses.manifest.scale)
        shared.append(PictureValidation(predict, chooses, tasks, data.databases(chooses), how.within))
    shared.append(keras.callbacks.TensorBoard(str(folder.tensorboard), write_graph=False))
    shared.append(EpochRecorder(folder, state, settings.keep_checkpoints, say, model))
    return lambda steps: [ProgressBar(steps, settings.epochs), *shared]


def _chosen(
    recipe: Recipe, data: TrainingData, folder: RunFolder, trained: QualityModel, state: RunState
) -> QualityModel:
    """The best epoch's model (the last one's without validation pictures), in float32 whatever it was trained in."""
    from tfiqa.training.checkpoint import load_model

    load_model(folder, state.chosen_epoch, trained)
    model = _build(recipe, data, weights=None)
    model.set_weights(trained.get_weights())
    return model
