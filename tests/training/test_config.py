"""Settings are checked where they are given."""

import pytest

from mtl_lowres.errors import InputError
from mtl_lowres.training.config import TrainConfig


def test_settings_survive_json():
    config = TrainConfig(tasks=("posture",), heads={"posture": "posture(loss='nll')"}, epochs=3)
    assert TrainConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tasks": ()}, "tasks=.*name at least one column"),
        ({"epochs": 0}, "epochs=0"),
        ({"optimizer": "adagrad"}, "optimizer='adagrad'.*adamw"),
        ({"schedule": "step"}, "schedule='step'"),
        ({"optimizer": "sgd", "weight_decay": 0.1}, "only adamw decays weights, not sgd"),
        ({"heads": {"mood": "posture"}}, "heads=\\['mood'\\]"),
        ({"speed": 3}, "unknown setting 'speed'"),
    ],
)
def test_unusable_settings_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        TrainConfig.from_dict({"tasks": ("posture",), **settings})


@pytest.mark.parametrize("trunk", ["lownet(", "lownet(3)", "lownet|lenet", "lowmet"])
def test_unreadable_trunk_is_named(trunk):
    with pytest.raises(InputError, match="low[nm]et"):
        TrainConfig(tasks=("posture",), trunk=trunk).trunk_and_options()


def test_trunk_options_are_literals():
    config = TrainConfig(tasks=("posture",), trunk="lownet(slopes=(4, 2, 1))")
    assert config.trunk_and_options() == ("lownet", {"slopes": (4, 2, 1)})


def test_heads_get_their_classes_and_options():
    config = TrainConfig(tasks=("posture",), heads={"posture": "posture(loss='focal', gamma=1)"})
    head = config.make_heads({"posture": 7})["posture"]
    assert head.classes == 7
    assert head.get_config()["gamma"] == 1


def test_wrong_head_option_is_one_line():
    config = TrainConfig(tasks=("posture",), heads={"posture": "posture(colour=1)"})
    with pytest.raises(InputError, match="colour"):
        config.make_heads({"posture": 7})
