"""Encoded image files to what a network takes, in TensorFlow operations."""

import dataclasses
import math

import tensorflow as tf

from mtl_lowres.data.clips import parse_clip
from mtl_lowres.data.decode import decode_image, tolerant_map
from mtl_lowres.data.degrade import Recipe, sample_seed
from mtl_lowres.data.farneback_graph import append_flow
from mtl_lowres.data.flow import Farneback, FlowMethod

_COLOURS, _FLOW_CHANNELS = 3, 2


@dataclasses.dataclass(frozen=True)
class EncodedFiles:
    """Decodes and degrades encoded images, or the frames of clips, and adds the flow of clips.

    Attributes:
        recipe: from a file to what the network sees.
        shape: (h, w, 3) of an image, or (t, h, w, 3) of a clip; with flow (t, h, w, 5).
        flow: how the flow between the degraded frames is computed, by a `Farneback`, or None.
        max_pixels: larger images or frames are refused before they are decoded.
    """

    recipe: Recipe
    shape: tuple[int, ...]
    flow: FlowMethod | None
    max_pixels: int

    def spec(self, name: str) -> tf.TensorSpec:
        """Return what is taken: string [n], or of clips of t frames [n, t]."""
        return tf.TensorSpec((None, *self.shape[:-3]), tf.string, name=name)

    def read(self, contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Decode and degrade encoded images [n], or the frames of clips [n, t].

        Returns:
            What the network takes, float32 [n, *shape]; the shorter side of each image, or of each
            clip's first frame, int32 [n]; and ok, bool [n].
        """
        items = contents, tf.range(tf.shape(contents)[0])
        size = math.prod(self.shape) + 1
        packed, ok = tolerant_map(lambda item: self._packed(*item), items, [size])
        inputs = tf.reshape(packed[:, :-1], [-1, *self.shape])
        return inputs, tf.cast(packed[:, -1], tf.int32), ok

    def _packed(self, contents: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
        """Return one item as one vector: its pixels, and behind them the shorter side."""
        seed = sample_seed(0, 0, position)
        if contents.shape.rank == 0:
            pixels, side = self._degraded(contents, seed)
        else:
            # One frame after the other, so that only one is in memory at its full size.
            pixels, sides = tf.map_fn(
                lambda frame: self._degraded(frame, seed),
                contents,
                fn_output_signature=(
                    tf.TensorSpec((*self.shape[1:-1], _COLOURS), tf.float32),
                    tf.TensorSpec([], tf.int32),
                ),
                parallel_iterations=1,
            )
            side = sides[0]
        pixels = tf.ensure_shape(pixels, (*self.shape[:-1], _COLOURS))
        if self.flow is not None:
            pixels = append_flow(pixels, self.flow)
        return tf.concat([tf.reshape(pixels, [-1]), [tf.cast(side, tf.float32)]], axis=0)

    def _degraded(self, contents: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        image = decode_image(contents, max_pixels=self.max_pixels)
        return self.recipe(image, seed), tf.reduce_min(tf.shape(image)[:2])


def flow_of(description: dict) -> FlowMethod | None:
    """Return how the flow is computed that a model takes, or None.

    Args:
        description: the model's.
    """
    clip = description.get("clip")
    return parse_clip(clip).flow if clip else None


def why_not_encoded(description: dict) -> str | None:
    """Return in one line why a graph cannot make a model's input from encoded files, or None.

    Args:
        description: the model's.
    """
    shape, clip = description["input_shape"], description.get("clip")
    if len(shape) < 3:
        return "the network takes stored features, which are made from videos by another network"
    flow = flow_of(description)
    if flow is not None and flow.compute is None:
        return f"the optical flow of {clip!r} is read from files beside the videos"
    if flow is not None and not isinstance(flow.compute, Farneback):
        return f"the optical flow of {clip!r} is computed by OpenCV; only farneback has a graph"
    channels = _COLOURS + (0 if flow is None else _FLOW_CHANNELS)
    if shape[-1] != channels:
        return f"the network takes {shape[-1]} channels, of which encoded files give {channels}"
    return None
