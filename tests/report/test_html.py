"""The report: one whole page that needs no network, whatever the run folder holds."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation import classification_metrics, summarise_seeds
from mtl_lowres.report import page
from mtl_lowres.report.html import pick_examples, write_report

EVIL = "<script>alert(1)</script>"
NAMES = ["sit", EVIL, "läuft"]


def metrics(seed=0):
    random = np.random.default_rng(seed)
    truth = np.arange(60) % 3
    return classification_metrics(truth, random.random((60, 3)), np.arange(60) // 15, NAMES)


@pytest.fixture
def run_dir(tmp_path):
    folder = tmp_path / "lauf ä <1>"
    folder.mkdir()
    splits = {"val": {"posture": metrics(1)}, "test": {"posture": metrics(2)}}
    write_json(folder / "metrics.json", {"splits": splits, "parameters": 366246})
    config = {
        "settings": {"trunk": "lownet(slopes=(4, 2, 1))", "tasks": ["posture"], "note": EVIL},
        "versions": {"tensorflow": "2.15.1"},
    }
    write_json(folder / "config.json", config)
    (folder / "history.csv").write_text("epoch,loss,val_loss,learning_rate\n1,2,3,.1\n2,1,,.01\n")
    predictions().to_csv(folder / "predictions.csv", index=False)
    pd.DataFrame(
        {"path": "x.png", "split": ["train", "test"], "subject": [1, 2], "posture": [0, 1]}
    ).to_csv(folder / "manifest.csv", index=False)
    (folder / "bad_files.csv").write_text(f"path,reason\n{EVIL}.png,truncated JPEG\n")
    return folder


def write_json(path, value):
    path.write_text(json.dumps(value), encoding="utf-8")


def predictions():
    return pd.DataFrame(
        [
            ("a.png", "test", "p1", "sit", "läuft", "0.9"),
            ("b.png", "test", "p1", "sit", "läuft", "0.8"),  # the same mistake of the same person
            ("c.png", "test", "p2", "sit", "läuft", "0.7"),
            ("d.png", "test", "p1", EVIL, "sit", "0.95"),
            ("e.png", "test", "p1", "sit", "sit", "0.99"),
            ("f.png", "test", "p2", "sit", "sit", "0.4"),
            ("g.png", "test", "p2", "", "sit", "1.0"),  # unlabelled
            ("h.png", "val", "p3", "sit", "läuft", "1.0"),
        ],
        columns=[
            *("path", "split", "subject"),
            *("posture_truth", "posture_prediction", "posture_confidence"),
        ],
    )


def example(**changes):
    images = {"high": np.zeros((64, 64, 3), np.uint8), "low": np.zeros((16, 16, 3), np.uint8)}
    texts = {"truth": "sit", "prediction": EVIL, "confidence": 0.9, "path": f"{EVIL}/ü.png"}
    return {**images, **texts, **changes}


def own_html(page):
    """The page without the library that it carries."""
    return re.sub(r"<script>/\*\*.*?</script>", "", page, count=1, flags=re.DOTALL)


def test_page_holds_every_section(run_dir):
    path = write_report(run_dir, [example(), example(prediction="sit", confidence=0.8)])
    assert path == run_dir / "report.html"
    page = own_html(path.read_text(encoding="utf-8"))
    headings = re.findall(r"<h2>(.*?)</h2>", page)
    assert headings == [
        "posture",
        "Training curves",
        "Examples",
        "Most confident mistakes: posture",
        "Data",
        "Bad files",
        "Settings",
    ]
    test_metrics = metrics(2)
    for value in ("macro_f1", "one_vs_rest_accuracy"):
        assert f"{test_metrics[value]:.4f}" in page
    low, high = test_metrics["interval"]["accuracy"]
    assert f"{low:.3f}–{high:.3f}" in page
    assert "lownet(slopes=(4, 2, 1))" in page
    assert "366,246" in page
    assert page.count("data:image/png") == 4
    assert page.index("Confident and wrong") < page.index("<h3>Right")


def test_page_carries_plotly_once_and_asks_the_network_for_nothing(run_dir):
    page = write_report(run_dir, [example()]).read_text(encoding="utf-8")
    assert page.count("plotly.js v") == 1
    assert "default-src 'none'" in page
    assert "showSendToCloud: false" in page
    mine = own_html(page)
    assert len(mine) < 200_000
    assert not re.search(r"https?://|<link|@import|url\(", mine)


def test_names_cannot_inject_markup(run_dir):
    page = own_html(write_report(run_dir, [example()]).read_text(encoding="utf-8"))
    assert EVIL not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "lauf ä &lt;1&gt;" in page
    for figure in re.findall(r'<script type="application/json">(.*?)</script>', page):
        json.loads(figure)


def test_only_metrics_are_required(tmp_path):
    write_json(tmp_path / "metrics.json", {"splits": {"val": {"posture": metrics()}}})
    page = own_html(write_report(tmp_path).read_text(encoding="utf-8"))
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["posture"]
    assert "No test figures" in page


def test_run_without_held_out_rows_still_has_a_page(tmp_path):
    write_json(tmp_path / "metrics.json", {"splits": {}})
    assert "Nothing was measured" in write_report(tmp_path).read_text(encoding="utf-8")


def test_paper_protocol_is_labelled(tmp_path):
    content = {"protocol": "paper", "splits": {"test": {"posture": metrics()}}}
    write_json(tmp_path / "metrics.json", content)
    assert "Paper&#x27;s protocol" in write_report(tmp_path).read_text(encoding="utf-8")


def test_figures_of_any_head_are_shown(tmp_path):
    write_json(tmp_path / "metrics.json", {"splits": {"test": {"age": {"mae_years": 4.5, "n": 9}}}})
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert "mae_years" in page
    assert "4.5000" in page


def test_figures_by_length_are_shown(tmp_path):
    buckets = [
        {"shortest": 4, "longest": 17, "n": 2, "accuracy": 0.25, "macro_f1": 0.125},
        {"shortest": 18, "longest": 18, "n": 3, "accuracy": 1.0, "macro_f1": None},
    ]
    figures = {"action": {"accuracy": 0.7, "by_length": buckets}}
    write_json(tmp_path / "metrics.json", {"splits": {"test": figures}})
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert "action on test: by length of the video" in page
    assert "<td>4–17</td><td>2</td><td>0.2500</td><td>0.1250</td>" in page
    assert "<td>18</td><td>3</td><td>1.0000</td><td>–</td>" in page


def test_a_task_without_labels_shows_dashes(tmp_path):
    empty = classification_metrics([], np.zeros((0, 3)), class_names=NAMES)
    write_json(tmp_path / "metrics.json", {"splits": {"test": {"posture": empty}}})
    assert "<td>–</td>" in write_report(tmp_path).read_text(encoding="utf-8")


@pytest.mark.parametrize("with_splits", [True, False])
def test_summary_over_seeds_gives_mean_and_deviation(tmp_path, with_splits):
    runs = [metrics(1), metrics(2)]
    content = {"summary": {"test": {"posture": summarise_seeds(runs)}}, "seeds": [0, 1]}
    if with_splits:
        content["splits"] = {"test": {"posture": runs[0]}}
    write_json(tmp_path / "metrics.json", content)
    page = write_report(tmp_path).read_text(encoding="utf-8")
    values = [run["macro_f1"] for run in runs]
    assert f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f} (n=2)" in page


def test_person_in_two_splits_is_reported(run_dir):
    (run_dir / "manifest.csv").write_text("path,split,subject\na,train,7\nb,test,7\nc,test,\n")
    assert "People in more than one split: 1" in write_report(run_dir).read_text("utf-8")
    (run_dir / "manifest.csv").write_text("path,split\na,train\nb,test\n")
    assert "names no people" in write_report(run_dir).read_text("utf-8")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (None, "no such file"),
        ("", "not readable as JSON"),
        ('{"splits": ', "not readable as JSON"),
        ("[1]", "not a JSON object"),
        ("{}", "neither 'splits' nor 'summary'"),
        ('{"splits": [1]}', "[1]"),
        ('{"splits": {"test": {"posture": 0.9}}}', "0.9"),
    ],
)
def test_missing_or_broken_metrics_are_one_line(tmp_path, content, part):
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(InputError) as caught:
        write_report(tmp_path)
    message = str(caught.value)
    assert str(tmp_path / "metrics.json") in message
    assert part in message
    assert "\n" not in message


@pytest.mark.parametrize("content", [b"a,b\n1,2\n1,2,3\n", b"a\n\xff\xfe\n"])
def test_broken_table_is_one_line_that_names_it(run_dir, content):
    (run_dir / "predictions.csv").write_bytes(content)
    with pytest.raises(InputError, match=r"predictions\.csv.*write it again") as caught:
        write_report(run_dir)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "\n", "path,reason\n"])
def test_empty_tables_leave_their_section_out(run_dir, content):
    (run_dir / "bad_files.csv").write_text(content)
    assert "Bad files" not in own_html(write_report(run_dir).read_text(encoding="utf-8"))


def test_failed_writing_leaves_the_old_page(run_dir, monkeypatch):
    before = write_report(run_dir).read_bytes()
    files = sorted(run_dir.iterdir())
    monkeypatch.setattr(page, "get_plotlyjs", lambda: "\udcff")  # cannot be encoded
    with pytest.raises(UnicodeEncodeError):
        write_report(run_dir)
    assert (run_dir / "report.html").read_bytes() == before
    assert sorted(run_dir.iterdir()) == files


def test_page_is_the_same_every_time(run_dir):
    assert write_report(run_dir).read_bytes() == write_report(run_dir).read_bytes()


def test_picked_examples_are_confident_mistakes_then_right_answers():
    picked = pick_examples(predictions(), "posture", "test", wrong=2, right=2)
    assert picked["path"].tolist() == ["d.png", "a.png", "e.png", "f.png"]
    assert picked["confidence"].tolist() == [0.95, 0.9, 0.99, 0.4]
    every = pick_examples(predictions(), "posture", "test", wrong=9, right=0)
    assert every["path"].tolist() == ["d.png", "a.png", "c.png"]


def test_picking_without_columns_or_rows_gives_nothing():
    assert pick_examples(pd.DataFrame(), "posture", "test").empty
    assert pick_examples(predictions(), "identity", "test").empty
    assert pick_examples(predictions(), "posture", "train").empty
    no_subject = predictions().drop(columns="subject")
    assert len(pick_examples(no_subject, "posture", "test", wrong=9, right=0)) == 2


def test_imports_without_tensorflow():
    program = "import sys, mtl_lowres.report.html; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
