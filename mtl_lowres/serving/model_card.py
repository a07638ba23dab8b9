"""A page of text that goes with a model: what it answers, what it learned from, how well."""

import json
from pathlib import Path

from mtl_lowres.datasets.terms import TERMS
from mtl_lowres.evaluation.sweep import headline_figures
from mtl_lowres.model import MultiTaskModel

_LIMITS = """- To recognise small people is to recognise people: tell those who are seen.
- It holds for images like those it learned from: of other cameras, places or people measure first
  (`mtl-lowres evaluate`), and at other resolutions (`mtl-lowres sweep`).
- A confidence is a probability only where it says so under calibration."""


def model_card(model: MultiTaskModel, run: str | Path | None = None) -> str:
    """Return a model card in Markdown.

    Args:
        model: made by `build_model` or `load_model`.
        run: folder of the run that trained it, whose settings, data and figures are told; without
            one the card says that they are not known.
    """
    parts = [
        f"# {', '.join(model.heads)} from {_input(model)}",
        "## Answers\n\n" + "\n".join(_answer(model, task) for task in model.heads),
        "## Data\n\n" + _data(_read(run, "config.json")),
        "## Figures\n\n" + _figures(_read(run, "config.json"), _read(run, "metrics.json")),
        "## Calibration\n\n" + _calibration(model.description.get("calibration", {})),
        "## Limits\n\n" + _LIMITS,
        "## Made with\n\n"
        + "\n".join(f"- {name} {number}" for name, number in model.description["versions"].items()),
    ]
    return "\n\n".join(parts) + "\n"


def _read(run: str | Path | None, name: str) -> dict:
    path = Path(run) / name if run else None
    if path is None or not path.is_file():
        return {}
    return json.loads(path.read_text(encoding="utf-8"))


def _input(model: MultiTaskModel) -> str:
    made = model.description
    shape = made["input_shape"]
    if len(shape) < 3:
        return f"stored features, {made['clip']}"
    size = f"{shape[-3]} x {shape[-2]} pixels (`{made['degrade']}`)"
    return f"clips of {size}, `{made['clip']}`" if len(shape) == 4 else f"images of {size}"


def _answer(model: MultiTaskModel, task: str) -> str:
    head = model.heads[task]
    if head.classes is not None:
        names = model.class_names.get(task)
        return f"- **{task}**: one of {head.classes} classes" + (
            f": {', '.join(names)}" if names else ""
        )
    return f"- **{task}**: " + (f"a number of {head.unit}" if head.unit else "an embedding")


def _data(config: dict) -> str:
    source = config.get("source") or {}
    if "dataset" in source:
        origin, terms = TERMS.get(source["dataset"], (f"reader `{source['dataset']}`", ""))
        return f"{origin}. Terms: {terms or 'not stated here'}."
    if "manifest" in source:
        return f"The manifest `{Path(source['manifest']).name}`; its terms are its owner's."
    return "Not known: the model was not exported from a run that notes it."


def _figures(config: dict, metrics: dict) -> str:
    """Return a table of the figures of every split that was held out, and how they came about."""
    lines = ["| split | task | metric | value | 95 % interval | rows |", "|---" * 6 + "|"]
    for split, tasks in metrics.get("splits", {}).items():
        for task, figures in tasks.items():
            for figure in headline_figures(figures):
                low, high = figure["low"], figure["high"]
                interval = "" if low is None else f"{low:.4f} to {high:.4f}"
                value = f"{figure['value']:.4f} | {interval} | {figures.get('n', '')}"
                lines.append(f"| {split} | {task} | {figure['metric']} | {value} |")
    if len(lines) == 2:
        return "None are known."
    settings = config.get("settings", {})
    chosen = (
        f"Epoch {metrics['chosen_epoch']} of {metrics['epochs']}, chosen on the rows of `val`."
        if "val" in metrics["splits"]
        else f"The last of {metrics['epochs']} epochs; no rows were held out to choose one."
    )
    return "\n".join([*lines, "", f"{chosen} Seed {settings.get('seed')}, one run."])


def _calibration(calibration: dict) -> str:
    lines = [
        f"- {kind} of {task} at {entry['size'][0]} x {entry['size'][1]}: {entry[kind]:.4g}"
        for kind, tasks in calibration.items()
        for task, entries in tasks.items()
        for entry in entries
    ]
    return "\n".join(lines) or "None: confidences are the network's own (`mtl-lowres calibrate`)."
