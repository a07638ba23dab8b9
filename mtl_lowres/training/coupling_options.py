"""The texts in the settings that say how resolutions, or views of one row, are coupled."""

import dataclasses

from mtl_lowres.data.recipe import build_call, parse_calls, require_integer, require_number
from mtl_lowres.errors import InputError
from mtl_lowres.registry import Registry

COUPLINGS = Registry("coupling")
CONTRASTS = Registry("siamese loss")


@COUPLINGS.register("full")
def full() -> tuple[float, ...]:
    """One network for both resolutions: every weight is shared."""
    return ()


@COUPLINGS.register("semi")
def semi(*shares: float) -> tuple[float, ...]:
    """A network for each, which share the first filters of their layers.

    Args:
        shares: share of the filters that are common, in [0, 1], from the first layers to the last;
            published are 0, 0.25, 0.5 for three convolutions and 0.75 for the dense layer behind.
    """
    if not shares:
        raise InputError("give the share of the filters in each layer, such as 0, 0.25, 0.5, 0.75")
    return tuple(require_number("each share", share, 0, 1) for share in shares)


@CONTRASTS.register("contrastive")
@dataclasses.dataclass(frozen=True)
class Contrast:
    """Several views of each training row in a batch, pulled together by a contrastive loss.

    Attributes:
        views: of each row, at least 2.
        weight: factor of the loss; 0 for several views and no more.
        margin: how far apart samples of different classes are pushed, in [0, 2].
    """

    views: int = 4
    weight: float = 0.5
    margin: float = 1.0

    def __post_init__(self):
        require_integer("views", self.views, 2)
        require_number("weight", self.weight, 0)
        require_number("margin", self.margin, 0, 2)


def parse_coupling(text: str) -> tuple[float, ...]:
    """Return the shares that a text such as `"semi(0, 0.25, 0.5, 0.75)"` names, () for `"full"`.

    Raises:
        InputError: if it cannot be read.
    """
    return _one_of(COUPLINGS, "coupling", text)


def parse_siamese(text: str) -> Contrast:
    """Return what a text such as `"contrastive(views=4, weight=0.5, margin=1.0)"` describes.

    Raises:
        InputError: if it cannot be read.
    """
    return _one_of(CONTRASTS, "siamese", text)


def _one_of(registry: Registry, setting: str, text: str):
    calls = parse_calls(text)
    if len(calls) != 1:
        raise InputError(f"{setting}={text!r} cannot be used: give one of {registry.list()}")
    try:
        return build_call(calls[0], registry)
    except InputError as error:
        raise InputError(f"{setting}={text!r}: {error}") from None
