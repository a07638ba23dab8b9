"""A page of text that goes with a model: what it answers, what it learned from, how well."""

from collections.abc import Sequence
from pathlib import Path

from mtl_lowres.datasets.terms import TERMS
from mtl_lowres.errors import InputError
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.report.sections import METRIC_MEANINGS
from mtl_lowres.serving.embedding import embedding_width
from mtl_lowres.serving.run_notes import RunNotes, read_run
from mtl_lowres.weights_file import first_line

# Longer lists of classes are left to labels.json.
_MOST_NAMES = 40
_LIMITS = """- It recognises people, however few pixels show them: tell those who are seen.
- Every image gets an answer, one without a person or of a class that is not listed, too.
- It holds for images like those it learned from: of other cameras, places or people measure first
  (`mtl-lowres evaluate`), and at other resolutions (`mtl-lowres sweep`).
- A confidence is a probability only where the calibration names a temperature of its task."""


def model_card(
    model: MultiTaskModel, run: str | Path | None = None, degrade: str | None = None
) -> str:
    """Return a model card in Markdown.

    Args:
        model: made by `build_model` or `load_model`.
        run: folder of the run that trained it, or of the model in it, whose settings, data and
            figures are told; without one the card says that they are not known.
        degrade: recipe that encoded files go through, where it is another than the model's own.

    Raises:
        InputError: if a file of the run is damaged.
    """
    notes = read_run(run)
    try:
        data, figures = _data(model, notes), _figures(notes)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{run}: config.json or metrics.json is none that a run writes "
            f"({type(error).__name__}: {first_line(error)}): restore it, or export the model alone"
        ) from error
    made_with = [f"- {name} {number}" for name, number in model.description["versions"].items()]
    parts = {
        "Input": _input(model, degrade),
        "Answers": "\n".join(_answer(model, task) for task in model.heads),
        "Data": data,
        "Figures": figures,
        "Calibration": _calibration(model.description.get("calibration", {})),
        "Limits": _LIMITS,
        "Made with": "\n".join(made_with),
    }
    page = [f"# {', '.join(model.heads)} from {_seen(model)}"]
    return "\n\n".join([*page, *(f"## {title}\n\n{text}" for title, text in parts.items())]) + "\n"


def _seen(model: MultiTaskModel) -> str:
    shape = model.description["input_shape"]
    if len(shape) < 3:
        return "stored features"
    size = f"{shape[-3]} x {shape[-2]} pixels"
    return f"{'clips' if len(shape) == 4 else 'images'} of {size}"


def _input(model: MultiTaskModel, degrade: str | None) -> str:
    own, clip = (model.description.get(name) for name in ("degrade", "clip"))
    lines = []
    if clip:
        lines.append(f"- of a video: `{clip}`")
    if degrade or own:
        lines.append(f"- resolution: `{degrade or own}`")
    if own and degrade not in (None, own):
        lines.append(f"- it was trained with another resolution: `{own}`")
    return "\n".join(lines) or "- what the network takes; no recipe is known"


def _answer(model: MultiTaskModel, task: str) -> str:
    head, width = model.heads[task], embedding_width(model, task)
    if head.unit is not None:
        return f"- **{task}**: a number of {head.unit}"
    if head.classes is None:
        return f"- **{task}**: an embedding of {width} numbers"
    names = model.class_names.get(task)
    if names and len(names) > _MOST_NAMES:
        listed = ", which `labels.json` names"
    else:
        listed = f": {', '.join(names)}" if names else ""
    beside = f"; and an embedding of {width} numbers" if width else ""
    return f"- **{task}**: one of {head.classes} classes{listed}{beside}"


def _data(model: MultiTaskModel, notes: RunNotes) -> str:
    source = notes.config.get("source") or {}
    if "dataset" in source:
        name = source["dataset"]
        origin, terms = TERMS.get(name, (f"read by `{name}`", ""))
        lines = [f"{origin}. Terms: {terms or 'not stated here'}."]
    elif "manifest" in source:
        lines = [f"The manifest `{Path(source['manifest']).name}`; its terms are its owner's."]
    elif "store" in notes.config:
        store = Path(notes.config["store"]["folder"]).name
        lines = [f"The stored features `{store}`; the terms of their images are their owner's."]
    else:
        lines = ["Not known: the model was not exported from a run that notes it."]
    if notes.rows:
        counts = ", ".join(f"{count} `{split}`" for split, count in notes.rows.items())
        lines.append(f"Rows: {counts}.{_people(notes)}")
    return "\n".join(f"- {line}" for line in [*lines, *_earlier(model, notes)])


def _people(notes: RunNotes) -> str:
    if not notes.people:
        return " Who is shown is not known."
    twice = f"{notes.people_twice} of them" if notes.people_twice else "nobody"
    return f" People: {notes.people}, {twice} in more than one split."


def _earlier(model: MultiTaskModel, notes: RunNotes) -> list[str]:
    """Return a line for each model that this one learned from, by which it has seen other data."""
    settings = notes.config.get("settings", {})
    weights = model.description["trunk_options"].get("weights")
    models = {
        "Pretrained weights": weights,
        "Started from": settings.get("start"),
        "Taught by": settings.get("teacher"),
    }
    return [
        f"{how}: `{Path(name).name}`, whose data and terms are its own."
        for how, name in models.items()
        if name
    ]


def _figures(notes: RunNotes) -> str:
    """Return a table of the figures of every split that was held out, and how they came about."""
    figures = notes.figures()
    if not figures:
        return "None are known."
    titles = ("split", "task", "metric", "value", "95 % interval", "without looking", "rows")
    lines = [_line(titles), "|---" * len(titles) + "|"]
    for row in figures:
        low, high = row["low"], row["high"]
        numbers = (
            f"{row['value']:.4f}",
            "" if low is None else f"{low:.4f} to {high:.4f}",
            "" if row["chance"] is None else f"{row['chance']:.4f}",
            "" if row["n"] is None else str(row["n"]),
        )
        lines.append(_line((row["split"], row["task"], row["metric"], *numbers)))
    metrics = dict.fromkeys(row["metric"] for row in figures)
    meanings = [f"- {name}: {METRIC_MEANINGS[name]}" for name in metrics if name in METRIC_MEANINGS]
    return "\n".join([*lines, "", *meanings, "", _protocol(notes)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _protocol(notes: RunNotes) -> str:
    metrics, settings = notes.metrics, notes.config.get("settings", {})
    if "figures" in metrics:
        chosen = "The penalty of the SVMs was chosen by cross-validation on the rows of `train`."
    elif "val" in metrics["splits"]:
        chosen = (
            f"Epoch {metrics['chosen_epoch']} of {metrics['epochs']}, chosen on the rows of `val`."
        )
    else:
        chosen = f"The last of {metrics['epochs']} epochs; no rows were held out to choose one."
    tasks = [own for split in metrics.get("splits", {}).values() for own in split.values()]
    over = {own["bootstrap_over"] for own in tasks if own.get("interval")}
    intervals = f" Intervals by resampling {' or '.join(sorted(over))}." if over else ""
    return f"{chosen}{intervals} Seed {settings.get('seed')}, one run."


def _calibration(calibration: dict) -> str:
    lines = []
    for kind, tasks in calibration.items():
        for task, entries in tasks.items():
            for entry in entries:
                line = f"- {kind} of {task} at {entry['size'][0]} x {entry['size'][1]}"
                at_far = f" (accepts {entry['far']:.4g} of other people)" if "far" in entry else ""
                lines.append(f"{line}: {entry[kind]:.4g}{at_far}")
    return "\n".join(lines) or "None: confidences are the network's own (`mtl-lowres calibrate`)."
