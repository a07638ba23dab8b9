"""The processes behind a data service: a dispatcher, and workers on any number of machines."""

import socket

import tensorflow as tf

from mtl_lowres.data.service import check_reachable
from mtl_lowres.errors import InputError

_service = tf.data.experimental.service


def start_dispatcher(port: int = 0) -> _service.DispatchServer:
    """Start what tells each worker its part and the training process its workers.

    Args:
        port: to listen at; 0 takes a free one. It serves as long as it is kept.

    Raises:
        InputError: if the port cannot be used.
    """
    return _service.DispatchServer(_service.DispatcherConfig(port=_free_port(port)))


def start_worker(dispatcher: str, host: str = "localhost", port: int = 0) -> _service.WorkerServer:
    """Start what reads, decodes and degrades, with all cores of this machine.

    Args:
        dispatcher: `"host:port"` of the dispatcher.
        host: name of this machine, by which training processes reach it.
        port: to listen at; 0 takes a free one. It serves as long as it is kept.

    Raises:
        InputError: if the dispatcher does not answer, or the port cannot be used.
    """
    check_reachable(dispatcher)
    port = _free_port(port)
    return _service.WorkerServer(
        _service.WorkerConfig(dispatcher, worker_address=f"{host}:%port%", port=port)
    )


def _free_port(port: int) -> int:
    """Return the port if it is free: TensorFlow would share that of another program."""
    try:
        with socket.create_server(("", port)):
            return port
    except OSError as error:
        raise InputError(
            f"port {port} cannot be used ({error.strerror}): name another, or 0 for a free one"
        ) from error
