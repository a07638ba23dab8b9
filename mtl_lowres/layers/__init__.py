"""Keras layers that TensorFlow does not have."""

from mtl_lowres.layers.sloped_relu import SlopedReLU

__all__ = ["SlopedReLU"]
