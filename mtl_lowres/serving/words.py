"""Answers in the words that a person reads."""

from collections.abc import Mapping, Sequence

import numpy as np

Answers = Mapping[str, np.ndarray]


def in_words(answers: Answers, tasks: Mapping[str, dict]) -> list[dict]:
    """Return what the answers mean, a dict a sample.

    Args:
        answers: of a `Predictor`, arrays [n, ...].
        tasks: task -> what is known of its answers.

    Returns:
        `{<task>: {"label", "index", "confidence"}}`, JSON-able, for a task of classes, with `score`
        for a linear SVM; `{"value", "unit", "label"}` and perhaps `std` for a number; `{"label",
        "embedding"}` for an embedding, of six decimals.
    """
    of_tasks = [_task_in_words(answers, task, known) for task, known in tasks.items()]
    return [dict(zip(tasks, sample, strict=True)) for sample in zip(*of_tasks, strict=True)]


def probabilities_of(answers: Answers, task: str) -> np.ndarray:
    """Return the probabilities of a task of classes, float32 [n, classes].

    Those of a linear SVM, which serves scores, are their softmax.
    """
    if f"{task}_scores" not in answers:
        return answers[f"{task}_probabilities"]
    scores = answers[f"{task}_scores"]
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def table_row(answer: Mapping, tasks: Mapping[str, dict]) -> dict[str, str | int | float]:
    """Return an answer of `Predictor.answers` as column -> value of a row of a table."""
    row = {"file": answer["path"]} if "path" in answer else {"sample": answer["sample"]}
    row |= {name: answer[name] for name in ("start", "stop") if name in answer}
    if not answer["ok"]:
        return row | {"error": answer["error"]}
    for task, known in tasks.items():
        value = answer[task].get("value", answer[task]["label"])
        # One column of a number, two of classes, none of an embedding.
        row |= zip(task_columns(task, known), (value, answer[task].get("confidence")), strict=False)
    if found := answer.get("gallery"):
        row |= {"person": found["label"], "similarity": found["similarity"]}
    return row | {"error": ""}


def table_columns(rows: Sequence[Mapping], tasks: Mapping[str, dict]) -> list[str]:
    """Return the columns of a table of such rows; those of the tasks even if all rows are bad."""
    present = set().union(*rows)
    of_tasks = [column for task, known in tasks.items() for column in task_columns(task, known)]
    return [
        *(name for name in ("file", "sample", "start", "stop") if name in present),
        *of_tasks,
        *(name for name in ("person", "similarity") if name in present),
        "error",
    ]


def task_columns(task: str, known: Mapping) -> list[str]:
    """Return the columns of a task in a table, none for an embedding."""
    if "classes" in known:
        return [task, f"{task} confidence"]
    return [f"{task} ({known['unit']})"] if "unit" in known else []


def _task_in_words(answers: Answers, task: str, known: Mapping) -> list[dict]:
    if f"{task}_label" in answers:
        return _classes(answers, task)
    if unit := known.get("unit"):
        return _numbers(answers, task, unit)
    rows = answers[f"{task}_embedding"].astype(np.float64).round(6)
    label = f"embedding of {rows.shape[-1]} numbers"
    return [{"label": label, "embedding": row.tolist()} for row in rows]


def _classes(answers: Answers, task: str) -> list[dict]:
    labels, indices = answers[f"{task}_label"], answers[f"{task}_class"]
    words = [
        # 8 bits may overshoot.
        {"label": str(label), "index": int(index), "confidence": min(float(row[index]), 1.0)}
        for label, index, row in zip(labels, indices, probabilities_of(answers, task), strict=True)
    ]
    for answer, scores in zip(words, answers.get(f"{task}_scores", ()), strict=False):
        answer["score"] = float(scores[answer["index"]])
    return words


def _numbers(answers: Answers, task: str, unit: str) -> list[dict]:
    words = [
        {"value": float(value), "unit": unit, "label": _with_unit(float(value), unit)}
        for value in answers[f"{task}_{unit}"]
    ]
    for answer, std in zip(words, answers.get(f"{task}_std_{unit}", ()), strict=False):
        answer["std"] = float(std)
    return words


def _with_unit(value: float, unit: str) -> str:
    whole = int(value + 0.5)
    return f"{whole} {unit.removesuffix('s')}" if whole == 1 else f"{whole} {unit}"
