"""Joint against single training, values by hand."""

import pytest

from mtl_lowres.errors import InputError
from mtl_lowres.evaluation.joint import delta_m, joint_table


def test_delta_m_is_the_mean_relative_change():
    """Accuracy 0.5 -> 0.75 is +50 %, an error of 5 -> 6 years is -20 %: their mean is +15 %."""
    joint, single = {"posture": 0.75, "age": 6.0}, {"age": 5.0, "posture": 0.5}
    assert delta_m(joint, single, {"age"}) == pytest.approx(15)
    assert delta_m(joint, single) == pytest.approx(35)
    assert delta_m(single, single, {"age"}) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (({}, {}), "at least one"),
        (({"a": 1.0}, {"b": 1.0}), r"\['a'\] cannot be compared .* \['b'\]"),
        (({"a": 1.0}, {"a": 0.0}), "figure of 'a' is 0.0"),
        (({"a": 1.0}, {"a": 1.0}, {"age"}), "lower_is_better has 'age'"),
    ],
)
def test_unusable_figures_are_named(arguments, message):
    with pytest.raises(InputError, match=message):
        delta_m(*arguments)


def test_table_has_a_row_a_task_and_metric():
    rows = joint_table(
        {"posture": {"accuracy": 0.75, "macro_f1": None}, "age": {"mae_years": 6.0}},
        {"posture": {"accuracy": 0.5}, "age": {"mae_years": 5.0}},
        {"posture": {"accuracy": 0.25}},
        {"mae_years"},
    )
    assert [row["metric"] for row in rows] == ["accuracy", "macro_f1", "mae_years"]
    assert rows[0] == {
        "task": "posture",
        "metric": "accuracy",
        "single": 0.5,
        "joint": 0.75,
        "change": pytest.approx(50),
        "chance": 0.25,
    }
    assert rows[1]["single"] is rows[1]["change"] is rows[1]["chance"] is None
    assert rows[2]["change"] == pytest.approx(-20)
