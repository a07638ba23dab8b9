"""The page about identity leakage."""

import pytest

from mtl_lowres.report.privacy import resolution_figure, tradeoff_figure, write_privacy_report

METRICS = {"useful": "posture_macro_f1", "leak": "rank1_unseen_posture"}


def _figures(value, chance, low):
    return {
        "value": value,
        "std": 0.0123,
        "low": low,
        "high": value + 0.05,
        "chance": chance,
        "majority": 0.07,
        "n": 950,
        "groups": 5,
    }


def _result(low=0.3):
    points = [
        {
            "size": [side, side],
            "resolution": f"{side}x{side}",
            "useful": _figures(0.9 - 0.1 * step, 0.025, low),
            "leak": _figures(0.8 - 0.2 * step, 0.0625, low),
        }
        for step, side in enumerate((16, 8, 4))
    ]
    duplicates = {"joined": ["<a>+b"], "copies": 160, "of_several_people": 30}
    return {
        "useful": "posture",
        "metrics": METRICS,
        "apart": "posture",
        "people": 17,
        "folds": 3,
        "duplicates": duplicates,
        "conclusion": "The attacker does not fall to chance.",
        "points": points,
    }


def test_page_holds_figures_protocol_and_links(tmp_path):
    page = write_privacy_report(tmp_path / "ü" / "p.html", _result(), {"16x16 <1>": "a/r.html"})
    text = page.read_text(encoding="utf-8")
    for part in (
        "does not fall to chance",
        "0.9000 ± 0.0123",
        "0.300–0.850",
        "0.0625",
        "17 people",
    ):
        assert part in text
    assert "&lt;a&gt;+b" in text and "<a>+b" not in text
    assert '<a href="a/r.html">16x16 &lt;1&gt;</a>' in text
    assert 'src="http' not in text


def test_tradeoff_has_a_point_with_bars_for_each_resolution():
    (trace,) = tradeoff_figure(_result()).data
    assert list(trace.text) == ["4x4", "8x8", "16x16"]
    assert list(trace.x) == pytest.approx([0.7, 0.8, 0.9])
    assert list(trace.error_y.array) == pytest.approx([0.05] * 3)
    assert list(trace.error_y.arrayminus) == pytest.approx([0.1, 0.3, 0.5])


def test_curves_have_bands_and_chance():
    names = [trace.name for trace in resolution_figure(_result()).data]
    assert names == [None, *(f"{prefix}{METRICS['useful']}" for prefix in ("", "chance of "))] + [
        None,
        *(f"{prefix}{METRICS['leak']}" for prefix in ("", "chance of ")),
    ]


def test_without_intervals_there_are_no_bars(tmp_path):
    result = _result(low=None) | {"duplicates": {}}
    assert tradeoff_figure(result).data[0].error_x.array is None
    assert len(resolution_figure(result).data) == 4
    assert "copies" not in write_privacy_report(tmp_path / "p.html", result).read_text("utf-8")
