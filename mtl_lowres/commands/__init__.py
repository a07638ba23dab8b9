"""The commands of `mtl-lowres`; they import TensorFlow only when they run."""
