"""Figures over seeds as the cells of a table."""

from mtl_lowres.evaluation.tables import seed_columns


def test_mean_and_deviation_of_each_figure():
    """(0.9 + 0.7) / 2 and sqrt(2 * 0.1 ** 2); a figure that one run lacks, and counts."""
    runs = [{"f1": 0.9, "gap": None, "n": 3}, {"f1": 0.7, "gap": 0.5, "n": 3}]
    assert seed_columns(runs, 3) == {"f1": "0.800 ± 0.141 (n=2)", "gap": "0.500 (n=1)"}
