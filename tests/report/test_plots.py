"""Figures hold the numbers they are given, and survive ugly names and sizes."""

import base64

import cv2
import numpy as np
import pytest

from mtl_lowres.report import plots
from mtl_lowres.report.images import png_data_uri


def decoded(uri):
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)


def axis_titles(figure):
    layout = figure.to_dict()["layout"]
    axes = [layout[key] for key in layout if key[:5] in ("xaxis", "yaxis")]
    return [axis["title"]["text"] for axis in axes if "title" in axis]


def test_history_pairs_training_and_validation_and_ends_with_the_learning_rate():
    history = {
        "epoch": [1, 2, 3],
        "lr": [1e-3, 5e-4, 1e-4],
        "loss": [3, 2, 1],
        "val_loss": [3.5, np.nan, 2.5],
        "val_posture_macro_f1": [0.1, 0.2, 0.3],
    }
    figure = plots.history_figure(history, chosen_epoch=2)
    drawn = [(trace.name, trace.yaxis, list(trace.y)) for trace in figure.data]
    assert drawn[0] == ("training", "y", [3, 2, 1])
    assert drawn[1][:2] == ("validation", "y")
    assert drawn[2] == ("validation", "y2", [0.1, 0.2, 0.3])
    assert drawn[3] == ("training", "y3", [1e-3, 5e-4, 1e-4])
    assert figure.layout.yaxis3.type == "log"
    assert axis_titles(figure).count("epoch") == 3
    assert "posture_macro_f1 (0 to 1)" in axis_titles(figure)
    assert "epoch 2" in figure.layout.title.text


def test_history_shows_a_legend_entry_for_each_kind_once():
    """A panel with validation only comes first, one with training only second."""
    figure = plots.history_figure({"val_accuracy": [0.5, 0.6], "loss": [2, 1], "val_loss": [2, 2]})
    entries = [trace.name for trace in figure.data if trace.showlegend]
    assert sorted(entries) == ["training", "validation"]


@pytest.mark.parametrize("history", [{}, {"epoch": [1]}, {"loss": [1.0]}])
def test_history_of_nothing_or_one_epoch(history):
    plots.history_figure(history).to_json()


def test_confusion_shades_by_share_of_the_true_class():
    figure = plots.confusion_figure([[3, 1], [0, 0]], ["<b>a", "1"])
    heatmap = figure.data[0]
    assert np.asarray(heatmap.z).tolist() == [[0.75, 0.25], [0, 0]]  # an absent class: no nan
    assert np.asarray(heatmap.text).tolist() == [["3", "1"], ["", ""]]
    assert list(figure.layout.xaxis.ticktext) == ["&lt;b&gt;a", "1"]
    assert set(axis_titles(figure)) == {"predicted class", "true class"}


@pytest.mark.parametrize("classes", [1, 16, 200])
def test_confusion_of_any_size(classes):
    names = [f"class {index}" for index in range(classes)]
    figure = plots.confusion_figure(np.eye(classes, dtype=int), names)
    assert len(figure.layout.yaxis.tickvals) <= 60
    assert figure.layout.yaxis.ticktext[0] == "class 0"
    assert figure.layout.height <= 1200


def test_per_class_puts_the_weakest_on_top_and_leaves_out_absent_classes():
    rows = [
        {"name": name, "precision": f1, "recall": f1, "f1": f1, "support": support}
        for name, f1, support in (("good", 0.9, 5), ("absent", 0.0, 0), ("weak", 0.2, 5))
    ]
    figure = plots.per_class_figure(rows)
    assert list(figure.layout.yaxis.ticktext) == ["weak", "good"]
    assert list(figure.data[0].x) == [0.2, 0.9]
    assert figure.layout.yaxis.autorange == "reversed"
    plots.per_class_figure([]).to_json()


def test_a_long_name_leaves_room_for_the_figure():
    figure = plots.confusion_figure([[1]], ["x" * 500])
    assert len(figure.layout.xaxis.ticktext[0]) <= 24


def test_seeds_show_mean_deviation_and_every_value():
    summary = {
        "macro_f1": {"mean": 0.9, "std": 0.1, "n": 2, "values": [0.8, 1.0]},
        "accuracy": {"mean": 0.7, "std": None, "n": 1, "values": [0.7]},
    }
    figure = plots.seeds_figure(summary)
    assert list(figure.data[0].x) == [0.8, 1.0]
    assert list(figure.data[1].error_x.array) == [0.1]
    assert list(figure.data[3].error_x.array) == [0]
    assert [trace.name for trace in figure.data if trace.showlegend] == [
        "one seed",
        "mean ± standard deviation",
    ]


def test_example_pairs_hold_both_images_and_mark_mistakes_in_words_too():
    example = {
        "high": np.full((300, 200, 3), (255, 0, 10), np.uint8),
        "low": np.zeros((16, 16), np.uint8),
        "truth": "sit",
        "prediction": "lie & rest",
        "confidence": 0.934,
    }
    figure = plots.example_pairs_figure([example, {**example, "prediction": "sit"}])
    captions = [annotation.text for annotation in figure.layout.annotations]
    assert captions == ["truth sit", "✗ lie &amp; rest (0.93)", "truth sit", "✓ sit (0.93)"]
    assert len(figure.data) == 4
    assert decoded(figure.data[0].source).shape == (256, 171, 3)
    assert decoded(figure.data[1].source).shape == (16, 16)
    plots.example_pairs_figure([]).to_json()


def test_png_keeps_colours_and_size_of_a_small_image():
    image = np.random.default_rng(0).integers(0, 256, (16, 12, 3), np.uint8)
    np.testing.assert_array_equal(decoded(png_data_uri(image, 256))[..., ::-1], image)
    grey = image[..., :1]
    np.testing.assert_array_equal(decoded(png_data_uri(grey, 256)), grey[..., 0])


@pytest.mark.parametrize("image", [np.zeros((4, 4, 3)), np.zeros((2, 4, 4, 3), np.uint8)])
def test_png_of_another_array_is_an_error_that_names_it(image):
    with pytest.raises(ValueError, match=r"float64 \(4, 4, 3\)|uint8 \(2, 4, 4, 3\)"):
        png_data_uri(image, 256)


def test_figures_share_one_template():
    for figure in (plots.history_figure({"loss": [1]}), plots.confusion_figure([[1]], ["a"])):
        assert figure.layout.template.layout.colorway == plots.TEMPLATE.layout.colorway
