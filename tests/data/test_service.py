"""The order of what workers send, what they do not send, and what cannot be served."""

import logging
import socket
import threading
import time
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from mtl_lowres.data import service
from mtl_lowres.data.data_servers import start_dispatcher, start_worker
from mtl_lowres.data.packed import file_of, packed_batch
from mtl_lowres.data.packing import pack_images
from mtl_lowres.data.pipeline import make_dataset
from mtl_lowres.data.rows import epoch_order
from mtl_lowres.errors import InputError

COUNT = 40


def address_of(dispatcher) -> str:
    return dispatcher.target.removeprefix("grpc://")


def squares(lost=()) -> tf.data.Dataset:
    """Return (n, n * n), of which the workers never send some."""
    numbers = tf.data.Dataset.range(COUNT).filter(
        lambda n: tf.reduce_all(n != tf.constant([-1, *lost], tf.int64))
    )
    return numbers.map(lambda n: (n, n * n))


def take(address, dataset, first=0, pauses=MappingProxyType({})):
    """Return the batches of a job from one number on, and the numbers that were read here.

    Before some numbers nobody asks for a while, in seconds.
    """
    read_here = []
    job = service.Job(
        lambda turn: dataset, address, first, lambda turn: (read_here.append(turn), turn * turn)
    )
    found = []
    for turn in range(first, COUNT):
        time.sleep(pauses.get(turn, 0))
        found.append(int(job.next_batch()[-1]))
    return found, read_here


def test_what_several_workers_send_is_in_order():
    dispatcher = start_dispatcher()
    workers = [start_worker(address_of(dispatcher)) for _ in range(3)]
    found, read_here = take(address_of(dispatcher), squares())
    assert found == [n * n for n in range(COUNT)]
    assert read_here == [] and len(workers) == 3


def test_workers_that_nobody_asks_are_let_go(monkeypatch):
    monkeypatch.setattr(service, "_PATIENCE", 0.5)
    dispatcher = start_dispatcher()
    worker = start_worker(address_of(dispatcher))
    threads = threading.active_count()
    found, read_here = take(address_of(dispatcher), squares(), pauses={3: 1.5, 20: 1.5})
    assert found == [n * n for n in range(COUNT)]
    assert read_here == [] and worker
    time.sleep(1.5)
    assert threading.active_count() == threads


def test_what_is_lost_is_read_here(monkeypatch, caplog):
    monkeypatch.setattr(service, "_MOST_WAITING", 4)
    dispatcher = start_dispatcher()
    worker = start_worker(address_of(dispatcher))
    with caplog.at_level(logging.WARNING):
        found, read_here = take(address_of(dispatcher), squares(lost=[7, 30, 39]))
    assert found == [n * n for n in range(COUNT)]
    assert read_here == [7, 30, 39] and worker
    assert [record.getMessage() for record in caplog.records] == [
        f"data service at {address_of(dispatcher)}: some batches were lost; the rest of the epoch "
        "is read here"
    ]


def test_without_any_worker_all_is_read_here(monkeypatch, caplog):
    monkeypatch.setattr(service, "_PATIENCE", 1)
    dispatcher = start_dispatcher()
    with caplog.at_level(logging.WARNING):
        found, read_here = take(address_of(dispatcher), squares(), first=30)
    assert found == [n * n for n in range(30, COUNT)]
    assert read_here == [*range(30, COUNT)]
    assert "nothing in 1 s" in caplog.text


class Numbers:
    """A loader of rows that are numbers, each with its epoch; one of them is bad."""

    clip = contents_of = None
    shapes = {"lr": ()}
    paths = np.full(11, "a.png")

    def __call__(self, index, epoch):
        return {"lr": tf.cast(index + 100 * epoch, tf.float32)}, index != 4


def expected(epoch: int, batch_size: int) -> list:
    """Return the batches of a shuffled epoch of `Numbers`."""
    rows = epoch_order(np.arange(11), True, 0, epoch).numpy()
    parts = [rows[first : first + batch_size] for first in range(0, 11, batch_size)]
    return [(part, {"lr": np.float32(part + 100 * epoch)}, part != 4) for part in parts]


def assert_same(ours, theirs):
    tf.nest.map_structure(np.testing.assert_array_equal, [*ours], theirs)


@pytest.mark.parametrize("rows_a_batch", [2**14, 4])  # pieces of 1 batch, and of 3
def test_epochs(monkeypatch, rows_a_batch):
    monkeypatch.setattr(service, "_ROWS_A_BATCH_OF_A_PIECE", rows_a_batch)
    dispatcher = start_dispatcher()
    workers = [start_worker(address_of(dispatcher)) for _ in range(2)]
    served = service.ServedRows(Numbers(), address_of(dispatcher))
    shuffled = served.epochs(2, training=True)
    for epoch in (3, 4, 6):  # on, and not
        assert_same(shuffled(epoch).as_numpy_iterator(), expected(epoch, 2))
    two = [iter(shuffled(7).as_numpy_iterator()) for _ in range(2)]
    begun = [[next(one)] for one in two]
    for first, rest in zip(begun, two, strict=True):
        assert_same([*first, *rest], expected(7, 2))
    assert_same(shuffled(8).as_numpy_iterator(), expected(8, 2))
    in_order = [rows for rows, *_ in served.epochs(4)(0).as_numpy_iterator()]
    np.testing.assert_array_equal(np.concatenate(in_order), np.arange(11))
    assert len(workers) == 2


def test_packed_files_are_read_without_python(bars, tmp_path):
    packed = pack_images(bars.head(3), tmp_path / "größe")["path"]
    shard = file_of(packed.iloc[0])
    paths = [*packed, bars["path"][0], f"{shard}#7", f"{shard}#99999999", "/nowhere/a.png"]
    contents = service.read_packed(tf.constant(paths)).numpy()
    np.testing.assert_array_equal(contents[:4], packed_batch(tf.constant(paths)).numpy()[:4])
    assert contents[4:].tolist() == [b"", b"", b""]


def test_nobody_there():
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(InputError, match=f"no data service answers at localhost:{port}"):
        make_dataset(pd.DataFrame({"path": ["a.png"]}), service=f"localhost:{port}")


@pytest.mark.parametrize("text", ["localhost", ":5050", "localhost:", "localhost:0", "a:70000"])
def test_no_address(text):
    with pytest.raises(InputError, match=f"data service '{text}': give its host:port"):
        make_dataset(pd.DataFrame({"path": ["a.png"]}), service=text)


def test_clips():
    with pytest.raises(InputError, match=r"clip='uniform\(2\)' cannot be read by a data service"):
        make_dataset(pd.DataFrame({"path": ["a.mp4"]}), clip="uniform(2)", service="localhost:1")
