"""How old a person is, in years."""

from typing import Any

import numpy as np
import tensorflow as tf

from mtl_lowres.errors import InputError
from mtl_lowres.heads.age_methods import METHODS
from mtl_lowres.heads.base import Head
from mtl_lowres.heads.body import Body
from mtl_lowres.heads.options import used_options
from mtl_lowres.losses.age import AgeLoss, to_years
from mtl_lowres.registry import HEADS

_CLOSE = 5


@HEADS.register("age")
class Age(Head):
    """Age in years, by one of six methods.

    Labels are float32 [n] years. In training, a label outside the range counts as its nearest end;
    the metrics compare with the label itself. Losses are divided by what an uninformed answer
    costs, so that each starts at about 1 (see `mtl_lowres.losses.age.AgeLoss`).

    The output depends on the method; `values` turns it into years.

    Args:
        method: `"mean_variance"`, `"dex"` or `"label_distribution"`, a softmax over the years with
            three losses; `"coral"`, "older than ...?" for every year; `"label_diversity"`, many
            coarse classifications; or `"mse"`, one number and its squared error.
        min_age: first year of the range, at least 0.
        max_age: last year of the range.
        mean_weight: of `mean_variance`: factor of the expectation's error; default 0.2.
        variance_weight: of `mean_variance`: factor of the variance; default 0.05.
        label_spread: of `label_distribution`: deviation of the labels in years; default 2.
        answer: of `coral`: `"median"` (default, as in the paper) or `"mean"`.
        heads: of `label_diversity`: number of classifications; default 30.
        bins: of `label_diversity`: bins of each; default 10.
        seed: of `label_diversity`: of the bins' centres; default 0.
        centres: of `label_diversity`: the centres [heads, bins] instead of these three.
        hidden: width of a fully connected layer with PReLU and batch norm; 0 for none.
        dropout: share of the values dropped before the output layer, in [0, 1).

    Raises:
        InputError: if a value is out of range, the method is unknown, or an option is given that
            it does not use.

    Example:
        >>> Age("coral", max_age=116, hidden=512, dropout=0.5)
    """

    unit = "years"

    def __init__(
        self,
        method: str = "mean_variance",
        *,
        min_age: int = 0,
        max_age: int = 100,
        mean_weight: float | None = None,
        variance_weight: float | None = None,
        label_spread: float | None = None,
        answer: str | None = None,
        heads: int | None = None,
        bins: int | None = None,
        seed: int | None = None,
        centres: list[list[float]] | None = None,
        hidden: int = 0,
        dropout: float = 0.0,
    ):
        _check_range(min_age, max_age)
        given = {
            "mean_weight": mean_weight,
            "variance_weight": variance_weight,
            "label_spread": label_spread,
            "answer": answer,
            "heads": heads,
            "bins": bins,
            "seed": seed,
            "centres": centres,
        }
        allowed = {name: kind.options for name, kind in METHODS.items()}
        options = used_options("method", method, allowed, given)
        self.method_name = method
        self.method = METHODS[method](int(min_age), int(max_age), **options)
        self.body = Body(hidden, dropout)

    def build(self, features: tf.Tensor, name: str) -> tf.Tensor:
        """Return the output of the method, float32 [n, ...], from features [n, d]."""
        return self.method.build(self.body(features, name), name)

    def loss(self) -> AgeLoss:
        """Return the loss of the method."""
        return self.method.loss()

    def metrics(self) -> list[tf.keras.metrics.Metric]:
        """Return new `mae_years` and `cs@5`, the share of samples at most five years off."""

        def error(y_true, y_pred):
            return tf.abs(self.method.years(tf.convert_to_tensor(y_pred)) - to_years(y_true))

        def is_close(y_true, y_pred):
            return tf.cast(error(y_true, y_pred) <= _CLOSE, tf.float32)

        return [
            tf.keras.metrics.MeanMetricWrapper(error, name="mae_years"),
            tf.keras.metrics.MeanMetricWrapper(is_close, name=f"cs@{_CLOSE}"),
        ]

    def values(self, outputs: np.ndarray) -> np.ndarray:
        """Return the years that outputs [n, ...] of the built model stand for, float32 [n]."""
        return self.method.years(tf.convert_to_tensor(outputs)).numpy()

    def decode(
        self, outputs: np.ndarray, class_names: list[str] | None = None
    ) -> list[dict[str, Any]]:
        """Return the age of each sample.

        Args:
            outputs: what the built model predicts, [n, ...].
            class_names: ignored; an age has none.

        Returns:
            One dict a sample, such as `{"value": 31.4, "unit": "years", "label": "31 years",
            "std": 6.2}`; `std` is left out by `mse`, which has no distribution.
        """
        served = self.serve(tf.convert_to_tensor(outputs))
        answers = [
            {"value": float(value), "unit": self.unit, "label": _label(float(value))}
            for value in served["years"].numpy()
        ]
        if "std_years" in served:
            for answer, std in zip(answers, served["std_years"].numpy(), strict=True):
                answer["std"] = float(std)
        return answers

    def serve(self, output: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return `years` float32 [n], and `std_years` [n] where the method has a distribution."""
        served = {"years": self.method.years(output)}
        std = self.method.std_years(output)
        return served if std is None else {**served, "std_years": std}

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the options of the method resolved."""
        return {
            "method": self.method_name,
            "min_age": self.method.min_age,
            "max_age": self.method.max_age,
            **self.method.get_options(),
            "hidden": int(self.body.hidden),
            "dropout": float(self.body.dropout),
        }


def _check_range(min_age: int, max_age: int) -> None:
    for option, value in (("min_age", min_age), ("max_age", max_age)):
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not whole or value < 0:
            raise InputError(f"{option}={value!r} cannot be used: give whole years of at least 0")
    if max_age <= min_age:
        raise InputError(f"max_age={max_age} is not above min_age={min_age}: give a range of ages")


def _label(years: float) -> str:
    whole = int(years + 0.5)
    return f"{whole} year" if whole == 1 else f"{whole} years"
