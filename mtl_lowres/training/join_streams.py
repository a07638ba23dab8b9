"""A two-stream network of two single-stream networks that were trained apart."""

import numpy as np

from mtl_lowres.data.recipe import require_number
from mtl_lowres.errors import InputError
from mtl_lowres.model import MultiTaskModel, build_model

_TRUNK = "two_stream"


def join_streams(
    appearance: MultiTaskModel, flow: MultiTaskModel, flow_weight: float = 0.5
) -> MultiTaskModel:
    """Return one network that adds up the scores of two, those of the flow times `flow_weight`.

    So Simonyan and Zisserman (2014) fuse their two streams: each is trained alone, for as long as
    suits it. Deviation: the scores are added before the softmax, the average of logarithms instead
    of probabilities.

    Args:
        appearance: of the trunk `two_stream(streams="appearance", ...)`.
        flow: of the same trunk with `streams="flow"`, of clips with flow, and the same heads, each
            a linear layer and a softmax.
        flow_weight: of the flow's scores beside those of the appearance, at least 0.

    Returns:
        Model of the trunk `two_stream(streams="both", fuse_at="states", ...)`, which can be saved
        and exported as any other.

    Raises:
        InputError: if the networks cannot be joined.
    """
    require_number("flow_weight", flow_weight, 0)
    _check(appearance, flow)
    options, flow_options = (m.description["trunk_options"] for m in (appearance, flow))
    joined = build_model(
        _TRUNK,
        dict(flow.heads),
        flow.description["input_shape"],
        class_names=flow.description["class_names"],
        degrade=flow.description["degrade"],
        clip=flow.description["clip"],
        **options
        | {
            "streams": "both",
            "flow_stream": flow_options.get("flow_stream") or flow_options.get("stream", "stacks"),
            "fusion": "concat",
            "fuse_at": "states",
            "appearance_share": 0.5,  # joined as streams are that learn apart
            "flow_weight": flow_weight,
        },
    )
    _copy_stream(appearance, joined, "appearance")
    _copy_stream(flow, joined, "flow")
    for task in joined.heads:
        kernels, biases = zip(*(_scores(model, task) for model in (appearance, flow)), strict=True)
        layer = joined.get_layer(f"{task}_logits")
        layer.set_weights([np.concatenate(kernels), biases[0] + flow_weight * biases[1]])
    return joined


def _copy_stream(source: MultiTaskModel, target: MultiTaskModel, stream: str) -> None:
    for layer in source.layers:
        if layer.name.startswith(f"{_TRUNK}_{stream}_"):
            target.get_layer(layer.name).set_weights(layer.get_weights())


def _scores(model: MultiTaskModel, task: str) -> list[np.ndarray]:
    """Return kernel and bias of the linear layer between the trunk and a task's softmax."""
    layers = {layer.name: layer for layer in model.layers}
    layer = layers.get(f"{task}_logits")
    weights = layer.get_weights() if layer else []
    if len(weights) != 2 or len(weights[0]) != model.trunk.output_shape[-1]:
        raise InputError(
            f"head {task!r} is not a linear layer and a softmax: train the streams with such a "
            "head, as posture(loss='nll') is"
        )
    return weights


def _check(appearance: MultiTaskModel, flow: MultiTaskModel) -> None:
    for model, stream in ((appearance, "appearance"), (flow, "flow")):
        options = model.description["trunk_options"]
        if model.description["trunk"] != _TRUNK or options.get("streams", "both") != stream:
            raise InputError(
                f"a {model.description['trunk']} with {options} is no {stream} stream: train "
                f"two_stream(streams={stream!r}) for it"
            )
    for part in ("heads", "degrade", "class_names"):
        _require_equal(part, appearance.description, flow.description)
    for option in ("units", "temporal", "recurrent_units", "turned_views", "name"):
        _require_equal(option, *(m.description["trunk_options"] for m in (appearance, flow)))


def _require_equal(name: str, one: dict, other: dict) -> None:
    if one.get(name) != other.get(name):
        raise InputError(
            f"the streams have {name}={one.get(name)!r} and {other.get(name)!r}: train both with "
            "the same"
        )
