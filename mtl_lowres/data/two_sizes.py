"""Every image at two sizes from one decode: as a teacher sees it, and as its student does."""

import hashlib

import pandas as pd
import tensorflow as tf

from mtl_lowres.data.augment import Augmentation
from mtl_lowres.data.clips import ClipSampling
from mtl_lowres.data.degrade import Recipe, sample_seed
from mtl_lowres.data.loading import Loader, fixed_size
from mtl_lowres.data.reading import degrader


class TwoSizeLoader(Loader):
    """Reads rows and gives each at high and at low resolution.

    The high resolution is the recipe `hr` of the (augmented) file, the low one the recipe
    `degrade` of that. With `blend` in the augmentation, some of the images at high resolution are
    first mixed with that of another row, augmented in its own way; a row whose partner cannot be
    read is left as it is.

    Attributes:
        shape: of the low resolution.
        shapes: `{"hr": ..., "lr": ...}`.
        repeatable: whether a row gives the same in every epoch.
    """

    def __init__(
        self,
        manifest: pd.DataFrame,
        hr: Recipe,
        degrade: Recipe,
        augmentation: Augmentation | None,
        seed: int,
        fast_decode: bool,
        clip: ClipSampling | None = None,
    ):
        super().__init__(manifest, hr, augmentation, seed, fast_decode, clip)
        self.degrade = degrade
        high = self.shape
        self.shape = (*high[:-3], *fixed_size(degrade), high[-1])
        self.shapes = {"hr": high, "lr": self.shape}
        self.repeatable = self.repeatable and degrade.deterministic

    def __call__(self, index, epoch):
        """Return ({"hr": images, "lr": images}, ok bool [n]) of the rows `index` [n]."""
        epochs = tf.broadcast_to(epoch, tf.shape(index))
        high, ok = self.images(index, epochs)
        if self.augmentation and self.augmentation.blend:
            high = self._blended(high, index, epochs)
        low, degraded = degrader(self.degrade, self._read_shape, (*self.shape[:-1], 3))(
            high, tf.cast(index, tf.int64), tf.cast(epochs, tf.int64), self.seed
        )
        return self.with_flow({"hr": high, "lr": low}, ok & degraded, index, epochs)

    def _blended(self, high, index, epochs):
        shares, partners = tf.map_fn(
            lambda item: self.augmentation.draw_blend(
                sample_seed(self.seed, item[1], item[0]), len(self.paths)
            ),
            (index, epochs),
            fn_output_signature=(tf.float32, tf.int32),
        )
        places = tf.where(shares < 1.0)[:, 0]
        # Only the partners that are drawn are decoded.
        others, ok = self.images(
            tf.cast(tf.gather(partners, places), index.dtype), tf.gather(epochs, places)
        )
        places, others = tf.boolean_mask(places, ok), tf.boolean_mask(others, ok)
        share = tf.reshape(tf.gather(shares, places), [-1] + [1] * (high.shape.rank - 1))
        mixed = share * tf.gather(high, places) + (1.0 - share) * others
        return tf.tensor_scatter_nd_update(high, places[:, tf.newaxis], mixed)

    def high_fingerprint(self) -> str:
        """Name the content of a cache of the high resolution."""
        return super().fingerprint()

    def fingerprint(self) -> str:
        """Name the content of a cache of both, as `Loader.fingerprint` does."""
        return hashlib.sha256(f"{super().fingerprint()}|{self.degrade.text}".encode()).hexdigest()
