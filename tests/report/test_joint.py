"""The page about one network against several."""

from mtl_lowres.report.joint import write_joint_report

COMPARISON = {
    "rows": [
        {
            "task": "age",
            "metric": "mae_years",
            "chance": 21.0,
            "single": 7.5,
            "joint": 7.0,
            "change": 6.7,
        }
    ],
    "delta_m": 6.7,
}
COSTS = [{"network": "one", "parameters": 1234.0, "multiply_adds": 5678, "milliseconds": 0.5}]


def test_page_holds_figures_costs_and_links(tmp_path):
    page = write_joint_report(
        tmp_path / "r.html", COMPARISON, COSTS, links={"<joint>": "run/report.html"}
    )
    text = page.read_text(encoding="utf-8")
    for part in ("7.5000", "7.0000", "21.0000", "6.70 %", "1,234", "5,678", "0.50"):
        assert part in text
    assert '<a href="run/report.html">&lt;joint&gt;</a>' in text
    assert 'src="http' not in text


def test_seeds_show_their_deviation(tmp_path):
    row = {**COMPARISON["rows"][0], "single_std": 0.25, "joint_std": 0.5, "change_std": 1.5}
    comparison = {"rows": [row], "delta_m": 6.7, "delta_m_std": 2.25, "seeds": 3}
    text = write_joint_report(tmp_path / "r.html", comparison, COSTS).read_text(encoding="utf-8")
    assert "7.5000 ± 0.2500" in text
    assert "6.7 ± 1.5" in text
    assert "6.70 ± 2.25 % on the test rows over 3 seeds" in text
