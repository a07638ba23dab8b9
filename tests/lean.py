"""Settings for a process that builds many small graphs and runs each of them a few times."""

import gc

import tensorflow as tf


def make_lean() -> None:
    """Rewrite no graphs, and let the garbage collector come less often.

    Rewriting a small graph takes longer than running it. A graph is thousands of objects, and for
    every few hundred of them the collector looks through those that are there, the libraries too.
    """
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)
