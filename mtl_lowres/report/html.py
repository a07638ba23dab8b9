"""One self-contained page about a run: figures, curves, mistakes, data and settings."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import pandas as pd

from mtl_lowres.report import calibration, plots, sections, task_plots
from mtl_lowres.report.page import write_page
from mtl_lowres.report.run_folder import RunFolder

REPORT_NAME = "report.html"
_CHIP_SETTINGS = ("dataset", "trunk", "degrade", "augment", "epochs", "batch_size", "seed")
_MOST_BAD_FILES = 100
_WEIGHT = "weight_"
_SHOWN_ONCE = ("truth", "prediction", "subject")


def write_report(run_dir: str | Path, examples: Sequence[Mapping] | None = None) -> Path:
    """Write `report.html` of a run folder and return its path.

    Files read; all but `metrics.json` may be absent, which leaves their section out:

    - `metrics.json`: `{"splits": {split: {task: metrics}}}`. `metrics` is what
      `classification_metrics` returns, or any dict whose floats are figures. The headline is
      `test`, else `val`. Optional: `"summary"` ({split: {task: what summarise_seeds returns}};
      without `splits` it is the headline), `"parameters"` (weights of the model), `"chosen_epoch"`
      (epoch whose weights were kept) and `"protocol"`: `"honest"` (default) or `"paper"`, where
      the epoch was chosen on the split that is reported.
    - `config.json`: `settings`, `versions` ({package: version}) and whatever else there is to say,
      nested as it likes.
    - `history.csv`: `epoch`, `loss`, `val_loss`, ..., `learning_rate`; one row an epoch.
    - `predictions.csv`: `path`, `split`, `subject` and, for each task, `<task>_truth`,
      `<task>_prediction` (class names; empty = unlabelled) and `<task>_confidence` (0 to 1).
    - `manifest.csv`: the rows used (`split`, `subject`, one column a task).
    - `bad_files.csv`: `path`, `reason`; the files that were skipped.

    Args:
        run_dir: the run folder.
        examples: dicts with "high" and "low" (uint8 RGB [h, w, 3] or grey [h, w]), "truth",
            "prediction", "confidence" (0 to 1) and "path"; see `pick_examples`. Mistakes are shown
            first, the most confident first. None leaves the images out.

    Raises:
        InputError: if `metrics.json` is missing or holds no figures, or a file is unreadable.
    """
    run = RunFolder.read(run_dir)
    body = [
        _header(run),
        *(_task_section(run, task) for task in run.tasks),
        _history_section(run),
        _examples_section(examples),
        *(_mistakes_section(run, task) for task in run.tasks),
        _data_section(run),
        _bad_files_section(run.bad_files),
        _settings_section(run.config),
    ]
    return write_page(Path(run_dir) / REPORT_NAME, f"{run.path.name}: report", body)


def pick_examples(
    predictions: pd.DataFrame, task: str, split: str, wrong: int = 8, right: int = 4
) -> pd.DataFrame:
    """Return the rows worth looking at: the most confident mistakes, then some right answers.

    A person's frames resemble each other, so each (truth, prediction, subject) is shown once. The
    right answers are spread evenly from the least to the most confident.

    Args:
        predictions: table as `predictions.csv` holds it, its texts as str.
        task: name of the task; without its columns the result is empty.
        split: rows of this split only.
        wrong: mistakes at most.
        right: right answers at most.

    Returns:
        Columns `path`, `start` and `stop` (of clips that are part of a file), `subject`, `truth`,
        `prediction`, `confidence` (float).
    """
    columns = [f"{task}_{part}" for part in ("truth", "prediction", "confidence")]
    place = [name for name in ("path", "start", "stop", "subject") if name in predictions]
    names = [*place, "truth", "prediction", "confidence"]
    if not {"path", "split", *columns} <= set(predictions.columns):
        return pd.DataFrame(columns=names)
    rows = predictions[(predictions["split"] == split) & (predictions[columns[0]] != "")]
    rows = rows[[*place, *columns]].set_axis(names, axis=1)
    rows["confidence"] = pd.to_numeric(rows["confidence"], errors="coerce")
    rows = rows.sort_values("confidence", ascending=False, kind="stable")
    rows = rows.drop_duplicates([name for name in names if name in _SHOWN_ONCE])
    is_right = rows["truth"] == rows["prediction"]
    good = rows[is_right]
    step = max(1, len(good) // max(right, 1))
    return pd.concat([rows[~is_right].head(wrong), good.iloc[::step].head(right)])


def _header(run: RunFolder) -> str:
    settings = {name.rsplit(".", 1)[-1]: value for name, value in _flatten(run.config).items()}
    chips = {
        name: settings[name] for name in _CHIP_SETTINGS if settings.get(name) not in (None, "")
    }
    if "parameters" in run.metrics:
        chips["parameters"] = f"{run.metrics['parameters']:,}"
    note = _protocol_note(run.metrics.get("protocol", "honest"), run.headline_split)
    return f"<h1>{escape(run.path.name)}</h1>{sections.chips(chips)}{sections.notice(note)}"


def _protocol_note(protocol: str, split: str | None) -> str:
    if split is None:
        return "Nothing was measured: no row has the split val or test."
    if protocol == "paper":
        return (
            f"Paper's protocol: the epoch was chosen on the people of the {split} split that is "
            "reported here. These figures flatter; compare them only with figures made that way."
        )
    if split == "test":
        return (
            "Figures of the test split. No epoch was chosen on the test people; compare with other "
            "work only if no setting was chosen on them either."
        )
    return (
        f"No test figures: these are of the {split} split, on which the epoch was chosen or the "
        "model trained. They flatter what people never seen would give."
    )


def _task_section(run: RunFolder, task: str) -> str:
    split = run.headline_split
    figures = run.splits.get(split, {}).get(task, {})
    seeds = run.summary.get(split, {}).get(task, {})
    parts = [f"<h2>{escape(task)}</h2>", sections.cards(figures, split, seeds)]
    if figures:
        parts.append(sections.splits_table(task, run.splits))
    if seeds:
        parts.append(sections.plot(plots.seeds_figure(seeds, f"{task} on {split}: every seed")))
    if figures.get("n") and "confusion_matrix" in figures:
        parts.append(_classes_section(f"{task} on {split}", figures))
    if figures.get("n") and "mae_by_band" in figures:
        parts.append(_ages_section(run, task, f"{task} on {split}", figures))
    if figures.get("by_length"):
        parts.append(_lengths_section(f"{task} on {split}", figures["by_length"]))
    return "".join(parts)


def _classes_section(where: str, figures: Mapping) -> str:
    matrix, per_class = figures["confusion_matrix"], figures["per_class"]
    names = [row["name"] for row in per_class]
    score = f"macro_f1 {sections.number(figures['macro_f1'], 3)}"
    html = sections.plot(plots.confusion_figure(matrix, names, f"{where}: confusion ({score})"))
    confusions = sections.frequent_confusions(matrix, names)
    if confusions:
        headers = ["truth", "prediction", "samples", "share of the truth"]
        html += f"<h3>Most frequent confusions</h3>{sections.table(headers, confusions)}"
    bars = plots.per_class_figure(per_class, f"{where}: F1 of each class ({score})")
    html += sections.plot(bars)
    if figures.get("reliability"):
        error = sections.number(figures["expected_calibration_error"], 3)
        title = f"{where}: reliability (expected calibration error {error})"
        html += sections.plot(calibration.reliability_figure(figures["reliability"], title))
    return html


def _ages_section(run: RunFolder, task: str, where: str, figures: Mapping) -> str:
    html = sections.plot(
        task_plots.age_bands_figure(figures["mae_by_band"], f"{where}: error by age")
    )
    columns = [f"{task}_truth", f"{task}_prediction"]
    if set(columns) <= set(run.predictions.columns):
        rows = run.predictions[run.predictions["split"] == run.headline_split]
        ages = rows[columns].apply(pd.to_numeric, errors="coerce").dropna().to_numpy()
        html += sections.plot(task_plots.ages_figure(*ages.T, f"{where}: predicted and true"))
    return html


def _lengths_section(where: str, buckets: Sequence[Mapping]) -> str:
    names = [name for name in buckets[0] if name in sections.METRIC_MEANINGS]
    figure = task_plots.lengths_figure(buckets, names[0], f"{where}: by length of the video")
    rows = [
        [task_plots.extent(bucket), bucket["n"], *(sections.number(bucket[name]) for name in names)]
        for bucket in buckets
    ]
    return sections.plot(figure) + sections.table(["frames (or units)", "samples", *names], rows)


def _history_section(run: RunFolder) -> str:
    numbers = run.history.apply(pd.to_numeric, errors="coerce").dropna(axis=1, how="all")
    if numbers.empty:
        return ""
    columns = {name: numbers[name].to_numpy() for name in numbers}
    weights = {name: columns.pop(name) for name in numbers if name.startswith(_WEIGHT)}
    figure = plots.history_figure(columns, run.metrics.get("chosen_epoch"))
    html = f"<h2>Training curves</h2>{sections.plot(figure)}"
    if weights:
        tasks = {name.removeprefix(_WEIGHT): values for name, values in weights.items()}
        html += sections.plot(task_plots.weights_figure(tasks))
    return html


def _examples_section(examples: Sequence[Mapping] | None) -> str:
    if not examples:
        return ""
    ranked = sorted(examples, key=lambda example: -example["confidence"])
    groups = {
        "Confident and wrong": [e for e in ranked if e["prediction"] != e["truth"]],
        "Right": [e for e in ranked if e["prediction"] == e["truth"]],
    }
    shown = "".join(
        f"<h3>{heading}</h3>{sections.example_pairs(group)}"
        for heading, group in groups.items()
        if group
    )
    return (
        '<h2>Examples</h2><p class="muted">Left the file, right what the model saw; in parentheses '
        f"the model's confidence.</p>{shown}"
    )


def _mistakes_section(run: RunFolder, task: str) -> str:
    mistakes = pick_examples(run.predictions, task, run.headline_split, wrong=12, right=0)
    if mistakes.empty:
        return ""
    mistakes["confidence"] = mistakes["confidence"].map(lambda value: f"{value:.3f}")
    rows = sections.table(list(mistakes.columns), mistakes.itertuples(index=False))
    return f"<h2>Most confident mistakes: {escape(task)}</h2>{rows}"


def _data_section(run: RunFolder) -> str:
    manifest = run.manifest
    if "split" not in manifest or manifest.empty:
        return ""
    people = manifest.get("subject", pd.Series("", index=manifest.index)).replace("", pd.NA)
    tasks = [task for task in run.tasks if task in manifest]
    rows = [
        [split or "(none)", len(group), people[group.index].nunique(), *(group[tasks] != "").sum()]
        for split, group in manifest.groupby("split", sort=False)
    ]
    headers = ["split", "samples", "people", *(f"labelled {task}" for task in tasks)]
    # People may be known to the identity task alone: its clips are held out, not its people.
    others = [task for task in tasks if task != "identity"] or tasks
    seen = (manifest[others] != "").any(axis=1) if others else manifest["split"] != ""
    shared = int((manifest["split"][seen].groupby(people).nunique() > 1).sum())
    if not people.notna().any():
        note = sections.notice(
            "The manifest names no people, so one person may be in several splits and figures may "
            "flatter. Add a subject column and split by it."
        )
    elif shared:
        note = sections.notice(f"People in more than one split: {shared}. Figures flatter.")
    else:
        but = "" if others == tasks else ", except that known people are told by held-out clips"
        note = f'<p class="muted">No person is in two splits{but}.</p>'
    return f"<h2>Data</h2>{sections.table(headers, rows)}{note}"


def _bad_files_section(bad_files: pd.DataFrame) -> str:
    if bad_files.empty:
        return ""
    shown = bad_files.head(_MOST_BAD_FILES)
    count = f"Files that could not be read and were skipped: {len(bad_files)}."
    if len(shown) < len(bad_files):
        count += f" The first {len(shown)} are listed; bad_files.csv has all."
    rows = sections.table(list(shown.columns), shown.itertuples(index=False))
    return f"<h2>Bad files</h2>{sections.notice(count)}{rows}"


def _settings_section(config: Mapping) -> str:
    if not config:
        return ""
    others = {name: config[name] for name in config if name not in ("settings", "versions")}
    settings = _flatten(config.get("settings", {})) | _flatten(others)
    html = "<h2>Settings</h2>" + sections.table(["setting", "value"], settings.items())
    if config.get("versions"):
        versions = sections.table(["package", "version"], config["versions"].items())
        html += f"<details><summary>Versions</summary>{versions}</details>"
    return html


def _flatten(settings: Mapping, prefix: str = "") -> dict[str, object]:
    flat = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            flat[f"{prefix}{name}"] = ", ".join(map(str, value))
        else:
            flat[f"{prefix}{name}"] = value
    return flat
