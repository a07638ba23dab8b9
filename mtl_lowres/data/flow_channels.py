"""The optical flow of clips as two more channels beside red, green and blue."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from mtl_lowres.data.clips import ClipSampling
from mtl_lowres.data.degrade import sample_seed
from mtl_lowres.data.flow import clip_flow, encode_flow, resize_flow
from mtl_lowres.data.video import check_part
from mtl_lowres.errors import InputError

FLOW_COLUMN = "flow"


class FlowChannels:
    """Appends the flow of its clip text to clips, [n, t, h, w, 3] -> [n, t, h, w, 5].

    Computed flow is that between the successive frames of a clip as they are given, degraded and
    perhaps augmented. Stored flow is that of the row's whole file, of which the clip's frames are
    taken, brought to the clip's size.

    Args:
        manifest: rows with a column `flow`, the stored flow of each, where the method is `stored`.
        clip: which frames are taken, and the method.
        parts: (start, stop) of each row.
        seed: of the sampling of frames.
        note: told (row, reason) of a row whose flow cannot be used.

    Raises:
        InputError: if the method is `stored` and there is no such column.
    """

    def __init__(
        self,
        manifest: pd.DataFrame,
        clip: ClipSampling,
        parts: list[tuple[int | None, int | None]],
        seed: int,
        note: Callable[[int, str], None],
    ):
        self.method = clip.flow
        self.paths = None
        if self.method.compute is None:
            if FLOW_COLUMN not in manifest:
                raise InputError(
                    f"clip={clip.text!r} reads stored flow, but the manifest has no column "
                    f"{FLOW_COLUMN!r}: make it with `mtl-lowres flow`, or use farneback"
                )
            self.paths = manifest[FLOW_COLUMN].to_numpy(object)
        self._clip, self._parts, self._seed, self._note = clip, parts, seed, note

    def __call__(self, clips: tf.Tensor, index: tf.Tensor, epochs: tf.Tensor):
        """Return the clips with their flow, and for which rows `index` [n] there is one, bool."""
        seeds = tf.map_fn(
            lambda item: sample_seed(self._seed, item[1], item[0]),
            (index, epochs),
            fn_output_signature=tf.TensorSpec([2], tf.int32),
        )
        flow, ok = tf.numpy_function(
            self._encoded, [clips, index, seeds], (tf.float32, tf.bool), stateful=False
        )
        flow = tf.ensure_shape(flow, [*clips.shape[:-1], 2])
        return tf.concat([clips, flow], axis=-1), tf.ensure_shape(ok, [None])

    def _encoded(self, clips, index, seeds):
        flow = np.zeros((*clips.shape[:-1], 2), np.float32)
        ok = np.ones(len(clips), bool)
        for place, (clip, row, seed) in enumerate(zip(clips, index, seeds, strict=True)):
            try:
                flow[place] = (
                    clip_flow(self.method, clip)
                    if self.paths is None
                    else self._stored(row, seed, clip.shape[1:3])
                )
            except (OSError, ValueError) as error:
                self._note(int(row), f"flow: {error}")
                ok[place] = False
        return encode_flow(flow, self.method.bound), ok

    def _stored(self, row: int, seed: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return the flow of a row's frames, float32 [t, height, width, 2] in pixels."""
        path = self.paths[row]
        if pd.isna(path):
            raise ValueError("the row has none")
        fields = np.load(Path(path), mmap_mode="r", allow_pickle=False)
        if fields.ndim != 4 or fields.shape[-1] != 2:
            raise ValueError(f"{path} is of shape {fields.shape}, not [T, h, w, 2]")
        start, stop = self._parts[row]
        count = check_part(len(fields), start, stop)
        distinct, places = np.unique(
            (start or 0) + self._clip.indices(count, seed), return_inverse=True
        )
        taken = fields[distinct].astype(np.float32)
        if not np.isfinite(taken).all():
            raise ValueError(f"{path} holds NaN or infinity")
        return resize_flow(taken, *size)[places]

    def fingerprint(self) -> str:
        """Name what stored flow there is: a changed file gives another name."""
        if self.paths is None:
            return ""
        return "\n".join(_state(path) for path in self.paths)


def _state(path) -> str:
    if pd.isna(path) or not Path(path).exists():
        return "missing"
    state = Path(path).stat()
    return f"{path}|{state.st_size}|{state.st_mtime_ns}"
