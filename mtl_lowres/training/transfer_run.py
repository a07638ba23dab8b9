"""From a feature store to a measured transfer and one model from images to scores."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.linear_svm import LinearSVM as FittedSVM
from mtl_lowres.evaluation.projection import project
from mtl_lowres.files import refuse_other_folder, replacing, write_json
from mtl_lowres.heads import LinearSVM
from mtl_lowres.model import MultiTaskModel, build_model, load_model, save_model
from mtl_lowres.plug_in import trunk_before_transfer
from mtl_lowres.report.transfer import write_transfer_report
from mtl_lowres.training.feature_store import MODEL_FOLDER, FeatureStore
from mtl_lowres.training.pseudo_labels import check_count
from mtl_lowres.training.transfer import Transfer, fit_transfer, save_transfer
from mtl_lowres.training.transfer_config import TransferConfig
from mtl_lowres.training.transfer_goals import signed_power
from mtl_lowres.training.transfer_svm import LabelledRows, fit_svms, test_figures
from mtl_lowres.trunks.layer_output import features_of
from mtl_lowres.versions import versions

TRANSFERRED, BOTH = "transferred", "transferred + lr"
_GRID_METRIC = "mean_ap_area"
_MOST_POINTS = 1000
_FILES = {"transfer", "model", "metrics.json", "config.json", "report.html"}


@dataclass(frozen=True)
class Measurement:
    """What a transfer is measured by, and how.

    Attributes:
        tasks: columns of the store's manifest.
        degrade: recipe of the store; empty where it has only one.
        folds: of the cross-validation that chooses each SVM's C.
        seed: of the folds and of the SVMs' solver.
    """

    tasks: tuple[str, ...]
    degrade: str = ""
    folds: int = 3
    seed: int = 0


def run_transfer(
    store: FeatureStore,
    config: TransferConfig,
    measurement: Measurement,
    out: str | Path,
    *,
    projection: bool = True,
    progress: bool = False,
) -> dict:
    """Fit a transfer on the training rows, SVMs behind it, and leave all in `out`.

    The transfer sees the features of the rows of split `train`, with a label or without, and never
    the label. Then one linear SVM is fitted a task and input: high-resolution features `hr` (the
    upper bound), low-resolution ones `lr` (the lower bound), `transferred`, and `transferred + lr`.
    Rows of split `test` give the figures; nothing is chosen by them.

    Args:
        store: of `extract_features`.
        config: the settings of the transfer.
        measurement: columns and recipe.
        out: folder for `transfer/`, `model/` (from images to the scores of the SVM on
            `transferred`, or on `transferred + lr` with `config.beside`), `metrics.json`,
            `config.json` and `report.html`; written whole or not at all.
        projection: draw the test rows' features by t-SNE, which takes about ten seconds.
        progress: show progress bars.

    Returns:
        What `metrics.json` holds: `figures` (see `test_figures`), `C` (input -> task -> C),
        `history` and `agreement` of the transfer.

    Raises:
        InputError: if the store has no such column or recipe, or no training rows; there are fewer
            samples than clusters; a class has one training row; or `out` holds something else.
    """
    out = Path(out)
    refuse_other_folder(out, _FILES, "transfer run")
    recipe = _recipe(store, measurement.degrade)
    rows = LabelledRows.of(store.manifest, measurement.tasks)
    high, low = store.hr, store.lr[recipe]
    transfer = fit_transfer(high[:, rows.train], low[:, rows.train], config, progress=progress)
    inputs = _bounds(store, recipe, config.power)
    inputs |= _transferred(transfer, low[0], inputs["lr"])
    options = {"folds": measurement.folds, "seed": measurement.seed}
    svms = fit_svms(inputs, rows, **options, progress=progress)
    result = {
        "figures": test_figures(inputs, svms, rows),
        "C": {name: {task: svm.C for task, svm in own.items()} for name, own in svms.items()},
        "history": transfer.history,
        "agreement": transfer.agreement,
    }
    with replacing(out) as folder:
        folder.mkdir()
        saved, layer = folder / "transfer", store.settings["layer"]
        save_transfer(transfer, saved, layer=layer, features=store.settings)
        served = svms[BOTH if config.beside else TRANSFERRED]
        save_model(_model(store, recipe, saved, served, rows), folder / "model")
        write_json(folder / "metrics.json", result)
        _write_config(folder, store, recipe, measurement, config.to_dict())
        points, classes = _points(inputs, rows) if projection else (None, None)
        write_transfer_report(
            folder / "report.html",
            result["figures"],
            settings={"degrade": recipe, **config.to_dict()},
            points=points,
            classes=classes,
            history=pd.DataFrame(transfer.history).to_dict("list"),
        )
    return result


def run_grid(
    store: FeatureStore,
    configs: Sequence[TransferConfig],
    measurement: Measurement,
    out: str | Path,
    *,
    progress: bool = False,
) -> dict:
    """Measure transfers of several widths and numbers of clusters; no model is written.

    Args:
        store: of `extract_features`.
        configs: that differ in `fc1` and `fc2` alone.
        measurement: columns and recipe.
        out: folder for `metrics.json`, `config.json` and `report.html`; whole or not at all.
        progress: show progress bars.

    Returns:
        What `metrics.json` holds: `grid`, a list of {"fc1", "fc2", "value"}, the mean average
        precision (area) on the test rows of an SVM on `transferred`, or on `transferred + lr` with
        `beside`, the mean over the tables of `test_figures`; `hr` and `lr`, that of the two bounds.

    Raises:
        InputError: as `run_transfer`, or if there are no test rows.
    """
    out = Path(out)
    refuse_other_folder(out, _FILES, "transfer run")
    recipe = _recipe(store, measurement.degrade)
    rows = LabelledRows.of(store.manifest, measurement.tasks)
    if not len(rows.test):
        raise InputError("no row of the store has the split 'test': a grid has nothing to measure")
    high, low = store.hr[:, rows.train], store.lr[recipe][:, rows.train]
    for config in configs:
        if config.target == "clusters":
            check_count(config.fc2, high.shape[0] * high.shape[1])
    options = {"folds": measurement.folds, "seed": measurement.seed}
    bounds = _bounds(store, recipe, configs[0].power)
    bound_svms = fit_svms(bounds, rows, **options, progress=progress)
    grid = []
    for config in tqdm(configs, "grid", unit="cell", disable=not progress):
        name = BOTH if config.beside else TRANSFERRED
        transfer = fit_transfer(high, low, config)
        transferred = _transferred(transfer, store.lr[recipe][0], bounds["lr"])
        inputs = {name: transferred[name]}
        svms = {**bound_svms, **fit_svms(inputs, rows, **options)}
        figures = test_figures({**bounds, **inputs}, svms, rows)
        grid.append({"fc1": config.fc1, "fc2": config.fc2, "value": _mean(figures, name)})
    result = {"grid": grid, **{name: _mean(figures, name) for name in bounds}}
    settings = configs[0].to_dict()
    del settings["fc1"], settings["fc2"]
    with replacing(out) as folder:
        folder.mkdir()
        write_json(folder / "metrics.json", result)
        _write_config(folder, store, recipe, measurement, settings)
        chips = {"degrade": recipe, "hr": result["hr"], "lr": result["lr"], **settings}
        write_transfer_report(folder / "report.html", {}, settings=chips, grid=grid)
    return result


def _recipe(store: FeatureStore, degrade: str) -> str:
    """Return the recipe of the store that is meant."""
    has = ", ".join(map(repr, store.lr))
    if degrade and degrade not in store.lr:
        raise InputError(f"degrade={degrade!r} is not in the store {store.folder}: it has {has}")
    if not degrade and len(store.lr) > 1:
        raise InputError(
            f"the store {store.folder} has several recipes: give degrade, one of {has}"
        )
    return degrade or next(iter(store.lr))


def _bounds(store: FeatureStore, recipe: str, power: float) -> dict[str, np.ndarray]:
    """Return the features between which a transfer lies, as it takes them, of the first view."""
    return {"hr": signed_power(store.hr[0], power), "lr": signed_power(store.lr[recipe][0], power)}


def _transferred(transfer: Transfer, low: np.ndarray, beside: np.ndarray) -> dict[str, np.ndarray]:
    """Return the transferred features of all rows, alone and beside the low-resolution ones."""
    outputs = transfer.apply(low)
    if transfer.config.beside:
        return {TRANSFERRED: outputs[:, : -low.shape[1]], BOTH: outputs}
    return {TRANSFERRED: outputs, BOTH: np.concatenate([outputs, beside], axis=1)}


def _model(
    store: FeatureStore,
    recipe: str,
    transfer: Path,
    svms: Mapping[str, FittedSVM],
    rows: LabelledRows,
) -> MultiTaskModel:
    """Return the store's trunk, the transfer behind it and the SVMs as one model of images."""
    source = load_model(store.folder / MODEL_FOLDER)
    made = source.description
    if "transfer" in made:
        raise InputError(
            f"the features of {store.folder} are already transferred: make a store with a model "
            "without a transfer"
        )
    options = made["trunk_options"]
    model = build_model(
        made["trunk"],
        {task: LinearSVM(len(rows.names[task])) for task in svms},
        made["input_shape"],
        class_names=rows.names,
        degrade=parse_recipe(f"{store.settings['hr']}|{recipe}").text,
        clip=made.get("clip"),
        transfer=transfer,
        **({**options, "weights": None} if "weights" in options else options),
    )
    trunk = features_of(source.trunk, store.settings["layer"])
    trunk.trainable = False  # as the other one, which decides the order of the weights
    trunk_before_transfer(model).set_weights(trunk.get_weights())
    for task, svm in svms.items():
        model.get_layer(task).set_weights([svm.weights, svm.bias])
    return model


def _write_config(
    folder: Path, store: FeatureStore, recipe: str, measurement: Measurement, settings: dict
) -> None:
    write_json(
        folder / "config.json",
        {
            "settings": settings,
            "measurement": {**asdict(measurement), "degrade": recipe},
            "store": {"folder": str(store.folder), **store.settings},
            "versions": versions(),
        },
    )


def _points(
    inputs: Mapping[str, np.ndarray], rows: LabelledRows
) -> tuple[dict[str, np.ndarray] | None, list[str] | None]:
    """Return test rows of each input in the plane, and their classes; None of too few rows.

    Where an image may show several things, its class is the first of them.
    """
    classes = _point_classes(rows)
    known = [row for row in rows.test if classes[row]]
    spread = np.linspace(0, len(known) - 1, min(len(known), _MOST_POINTS)).round().astype(int)
    chosen = np.array(known, int)[spread]
    if len(chosen) < 4:
        return None, None
    panels = {"HR": "hr", "LR": "lr", "transferred": TRANSFERRED}
    points = {panel: project(inputs[name][chosen]) for panel, name in panels.items()}
    return points, [classes[row] for row in chosen]


def _point_classes(rows: LabelledRows) -> list[str]:
    """Return the class of every row, empty where there is none."""
    (first, labels), *others = rows.labels.items()
    if not others:
        return ["" if np.isnan(label) else rows.names[first][int(label)] for label in labels]
    shown = np.stack([values > 0 for values in rows.labels.values()], axis=1)
    tasks = list(rows.labels)
    return [tasks[row.argmax()] if row.any() else "" for row in shown]


def _mean(figures: Mapping[str, Mapping], name: str) -> float:
    return float(np.mean([table[name][_GRID_METRIC] for table in figures.values()]))
