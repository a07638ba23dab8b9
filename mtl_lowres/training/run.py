"""One training run: fit, validate, checkpoint, resume, evaluate once, report."""

import hashlib
import json
import math
from pathlib import Path

import pandas as pd
import tensorflow as tf

from mtl_lowres.data.loading import BadFiles
from mtl_lowres.data.manifest import task_classes, write_manifest
from mtl_lowres.errors import InputError
from mtl_lowres.files import replacing, write_json
from mtl_lowres.model import save_model
from mtl_lowres.training.checkpoint import Checkpoints
from mtl_lowres.training.config import TrainConfig
from mtl_lowres.training.coupling import check_coupling, training_dataset, training_model
from mtl_lowres.training.epochs import EpochLog
from mtl_lowres.training.evaluate import Evaluator
from mtl_lowres.training.guidance import (
    Teacher,
    adapt_embeddings,
    embeddings_of_teacher,
    guided_dataset,
    open_teacher,
)
from mtl_lowres.training.optimizers import WeightAverage, make_optimizer
from mtl_lowres.training.prepare import has_truth, new_model, prepare_manifest, training_rows
from mtl_lowres.training.reporting import report_run
from mtl_lowres.training.start import check_trunk_of_transfer, start_from
from mtl_lowres.versions import versions


def train(
    config: TrainConfig,
    manifest: pd.DataFrame,
    run_dir: str | Path,
    *,
    source: dict | None = None,
    progress: bool = False,
) -> dict:
    """Train one model and leave everything about it in `run_dir`.

    The epoch that is kept is the one with the best validation figure (`config.monitor`); without
    validation rows it is the last one. Test rows are read once, at the end. The same call on an
    unfinished folder goes on from its last checkpoint and ends with the weights that an
    uninterrupted run gives, to the bit (on the same machine and versions); on a finished folder
    it returns what is there.

    Args:
        config: the settings.
        manifest: rows with `path`, the task columns, and optionally `subject` and `split`.
        run_dir: folder of the run; made if missing.
        source: where the manifest comes from, noted in `config.json`.
        progress: show progress bars.

    Returns:
        The figures in `metrics.json`: `{"splits": {split: {task: figures}}, ...}`.

    Raises:
        InputError: the manifest or a setting cannot be used, too many files are bad, the loss
            is not finite, or `run_dir` holds another run.

    Example:
        >>> train(TrainConfig(tasks=("posture",), epochs=5), manifest, "runs/a")
    """
    run_dir = Path(run_dir)
    manifest = prepare_manifest(config, manifest)
    # Before anything is written, so that a setting that cannot be used leaves no folder behind.
    _make_deterministic(config.seed)
    model = new_model(config, manifest)
    check_coupling(config, model)
    if not (run_dir / "checkpoints").exists():
        if config.start:
            start_from(model, config.start)
        check_trunk_of_transfer(model, config.transfer)
    finished = (run_dir / "metrics.json").exists()
    teacher = open_teacher(config, model) if config.teacher and not finished else None
    _claim(run_dir, config, manifest, source, teacher)
    if finished:
        if not (run_dir / "report.html").exists():  # killed just before it was written
            report_run(run_dir)
        return json.loads((run_dir / "metrics.json").read_text(encoding="utf-8"))
    bad_files = BadFiles(len(manifest), config.bad_file_budget)
    try:
        options = (run_dir, teacher, bad_files, progress)
        validation = _evaluator(config, manifest, "val", *options)
        state = _fit(model, config, manifest, validation, *options)
        save_model(model, run_dir / "model")
        test = _evaluator(config, manifest, "test", *options)
        evaluators = {"val": validation, "test": test}
        figures = _conclude(run_dir, model, state, bad_files, evaluators)
    except tf.errors.OpError:
        if bad_files.error is not None:
            raise bad_files.error from None
        raise
    report_run(run_dir)
    return figures


def _claim(
    run_dir: Path,
    config: TrainConfig,
    manifest: pd.DataFrame,
    source: dict | None,
    teacher: Teacher | None,
) -> None:
    """Write config.json and manifest.csv, or check that they are those of this very run."""
    config_file = run_dir / "config.json"
    fingerprint = hashlib.sha256(manifest.to_csv(index=False).encode()).hexdigest()
    if not config_file.exists() or not (run_dir / "checkpoints").exists():
        write_manifest(manifest, run_dir / "manifest.csv")
        write_json(
            config_file,
            {
                "settings": config.to_dict(),
                "source": source or {},
                "manifest_sha256": fingerprint,
                **({"teacher_sha256": teacher.digest} if teacher else {}),
                "versions": versions(),
            },
        )
        return
    stored = json.loads(config_file.read_text(encoding="utf-8"))
    # A setting that is newer than the run had the effect of its default.
    settings = TrainConfig.from_dict(stored["settings"]).to_dict()
    for name, value in config.to_dict().items():
        # Who reads the images changes no result, and may have moved.
        if settings[name] != value and name != "data_service":
            raise InputError(
                f"{run_dir} holds a run with {name}={settings[name]!r}, not {value!r}: choose "
                "another folder, or remove this one"
            )
    if stored["manifest_sha256"] != fingerprint:
        raise InputError(
            f"{run_dir / 'manifest.csv'} differs from the manifest given now: choose another "
            "folder, or remove this one to train again"
        )
    if teacher and stored["teacher_sha256"] != teacher.digest:
        raise InputError(
            f"{run_dir} was begun with another teacher than the one that is now in "
            f"{config.teacher!r}: choose another folder, or remove this one to train again"
        )


def _make_deterministic(seed: int) -> None:
    tf.keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    # Dropout then draws from a generator that can be set back, which exact resuming needs.
    tf.keras.backend.experimental.enable_tf_random_generator()


def _fit(model, config, manifest, validation, run_dir, teacher, bad_files, progress) -> dict:
    """Train from the last checkpoint on, leave the chosen weights in the model, return the log."""
    rows = training_rows(manifest, config)
    steps = math.ceil(len(rows) / config.batch_size)
    trained = training_model(config, model)
    optimizer = make_optimizer(config, steps, trained.trunk.trainable_variables)
    trained.compile(optimizer, weighting=config.weighting)
    if isinstance(trained.optimizer, tf.keras.optimizers.Optimizer):
        # Restoring needs its variables; those of TensorFlow Addons restore when they are made.
        trained.optimizer.build(trained.trainable_variables)
    average = WeightAverage(config.ema, trained.weights) if config.ema else None
    tracked = {"model": trained, "optimizer": trained.optimizer, "weighting": trained.weighting}
    if average:
        tracked["average"] = average.variables
    checkpoints = Checkpoints(run_dir / "checkpoints", **tracked)

    log = EpochLog(config, run_dir, model, checkpoints, validation, average, progress)
    done = checkpoints.last()
    if done:
        log.state = checkpoints.restore(done)
    elif teacher:
        adapt_embeddings(model, rows, config, teacher, bad_files=bad_files)
    if done < config.epochs and not log.state["stopped"]:
        dataset = _training_data(
            config,
            rows,
            model,
            teacher,
            classes=task_classes(manifest, config.labelled_tasks),
            first_epoch=done,
            cache_dir=config.cache_dir or run_dir / "cache",
            bad_files=bad_files,
            progress=progress,
        )
        callbacks = [*([average] if average else []), log]
        if config.tensorboard:
            callbacks.append(tf.keras.callbacks.TensorBoard(str(run_dir / "tensorboard")))
        trained.fit(
            dataset, initial_epoch=done, epochs=config.epochs, callbacks=callbacks, verbose=0
        )
    if checkpoints.last() != log.state["best_epoch"]:
        checkpoints.restore(log.state["best_epoch"])
    if average:
        average.keep()
    return log.state


def _training_data(config, rows, model, teacher, **options) -> tf.data.Dataset:
    if teacher:
        return guided_dataset(rows, config, teacher, **options)
    return training_dataset(rows, config, model, **options)


def _evaluator(config, manifest, split, run_dir, teacher, bad_files, progress) -> Evaluator | None:
    rows = manifest[manifest["split"] == split]
    if split == "val":  # others say nothing about an epoch; test rows are all answered in the end
        rows = rows[has_truth(rows, config)]
    if rows.empty:
        return None
    embeddings = None
    if teacher:
        embeddings = embeddings_of_teacher(
            rows, config, teacher, bad_files=bad_files, progress=progress
        )
    return Evaluator(
        rows,
        config.degrade,
        clip=config.clip or None,
        seed=config.seed,
        cache=config.cache,
        cache_dir=config.cache_dir or run_dir / "cache",
        fast_decode=config.fast_decode,
        service=config.data_service or None,
        embeddings=embeddings,
        bad_files=bad_files,
        progress=progress,
    )


def _conclude(run_dir, model, state, bad_files, evaluators: dict) -> dict:
    """Evaluate the final model once on each held-out split and write what the run keeps."""
    splits, tables = {}, []
    for split, evaluator in evaluators.items():
        if evaluator is not None:
            rows, outputs = evaluator.outputs(model)
            splits[split] = evaluator.metrics_of(model, rows, outputs)
            tables.append(evaluator.table(model, rows, outputs))
    _write_csv(bad_files.to_frame(), run_dir / "bad_files.csv")
    if tables:
        _write_csv(pd.concat(tables), run_dir / "predictions.csv")
    figures = {
        "splits": splits,
        "parameters": model.count_params(),
        "epochs": len(state["history"]),
        "chosen_epoch": state["best_epoch"],
        "bad_files": len(bad_files.reasons),
    }
    write_json(run_dir / "metrics.json", figures)
    return figures


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False)
