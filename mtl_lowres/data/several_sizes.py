"""Every image at a high and at several low resolutions from one decode."""

from collections.abc import Sequence

import pandas as pd
import tensorflow as tf

from mtl_lowres.data.augment import Augmentation
from mtl_lowres.data.clips import ClipSampling
from mtl_lowres.data.degrade import Recipe
from mtl_lowres.data.loading import Loader, fixed_size
from mtl_lowres.data.reading import degrader
from mtl_lowres.errors import InputError


class SeveralSizesLoader(Loader):
    """Reads rows and gives each at high resolution and as every low-resolution recipe makes it.

    All results have the same size, since one network is to see them all. The high resolution is
    the recipe `hr` of the (augmented) file, the others are recipes of that. What one low
    resolution gives does not depend on which others there are.

    Attributes:
        shape: of one of the images: (h, w, 3), or (t, h, w, 3) for clips.
        repeatable: whether a row gives the same in every epoch.
    """

    def __init__(
        self,
        manifest: pd.DataFrame,
        hr: Recipe,
        degrade: Sequence[Recipe],
        augmentation: Augmentation | None,
        seed: int,
        clip: ClipSampling | None = None,
    ):
        super().__init__(manifest, hr, augmentation, seed, False, clip)
        size = fixed_size(hr)
        for recipe in degrade:
            if recipe.output_size(*size) != size:
                raise InputError(
                    f"degrade={recipe.text!r} makes images of {recipe.output_size(*size)} from "
                    f"those of hr={hr.text!r}, which are {size}: end it with bicubic{size}"
                )
        self.degrade = tuple(degrade)
        self.repeatable = self.repeatable and all(recipe.deterministic for recipe in degrade)

    def __call__(self, index, epoch):
        """Return (images float32 [n, 1 + recipes, *shape], ok bool [n]) of the rows `index` [n].

        The first of a row is its high resolution; the others follow in the order of the recipes.
        Those of a row that cannot be read are zeros.
        """
        epochs = tf.broadcast_to(tf.cast(epoch, tf.int64), tf.shape(index))
        high, ok = self.images(index, epochs)
        sizes = {0: high}
        for place, recipe in enumerate(self.degrade, 1):
            degrade = degrader(recipe, self._read_shape, self._read_shape)
            sizes[place], degraded = degrade(high, tf.cast(index, tf.int64), epochs, self.seed)
            ok &= degraded
        sizes, ok = self.with_flow(sizes, ok, index, epochs)
        images = tf.stack(list(sizes.values()), axis=1)
        return tf.where(tf.reshape(ok, [-1] + [1] * (images.shape.rank - 1)), images, 0.0), ok
