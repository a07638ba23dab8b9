"""Rows of a manifest, read by the workers of a `tf.data` service on other cores or machines.

The workers read, decode, augment at high resolution and degrade. What else is done to a batch stays
in the process that trains. A sample depends on (seed, epoch, row) alone, and batches are put back
into their order here, so training sees the same bits with and without a service. What does not
arrive, since a worker has ended, is read here.
"""

import contextlib
import logging
import queue
import socket
import threading
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from mtl_lowres.data.decode import tolerant_map
from mtl_lowres.data.loading import Loader
from mtl_lowres.data.rows import epoch_order
from mtl_lowres.errors import InputError

# Batches that came before their turn. If there are so many, one before them was lost.
_MOST_WAITING = 64
# Seconds without any batch after which the workers are given up, and without a question for one
# after which they are let go.
_PATIENCE = 60
# A worker shuffles all rows for each piece of an epoch that it is given: of more rows, larger
# pieces, so that shuffling remains a small part of the work.
_ROWS_A_BATCH_OF_A_PIECE = 2**14
_FOR_EVER = 2**40

_log = logging.getLogger(__name__)


class ServedRows:
    """The rows of a loader of images, read by the workers of a data service.

    Args:
        loader: of images; its paths must name the same files for the workers.
        address: `"host:port"` of the service's dispatcher, as `mtl-lowres data-service` prints it.

    Raises:
        InputError: if nothing answers there, or the loader reads clips or stored features, for
            which a worker would have to run Python functions of this process.
    """

    def __init__(self, loader: Loader, address: str):
        if loader.clip is not None:
            raise InputError(
                f"clip={loader.clip.text!r} cannot be read by a data service, which decodes images "
                "alone: leave --data-service out"
            )
        check_reachable(address)
        loader.contents_of = loader.contents_of and read_packed
        self._loader = loader
        self._address = address

    def epochs(self, batch_size: int, *, training: bool = False, seed: int = 0) -> Callable:
        """Return a function from the number of an epoch to the dataset of its batches.

        Args:
            batch_size: rows a batch.
            training: whether the rows are shuffled, anew in every epoch; otherwise they are in
                order.
            seed: of the order.

        Returns:
            epoch int64 [] -> (rows int64 [n], images as of the loader, ok bool [n]).
        """
        return _Epochs(self._loader, self._address, batch_size, training, seed).dataset


class _Epochs:
    """The batches of all epochs, in order; those of one epoch after the other are one job."""

    def __init__(self, loader, address: str, batch_size: int, training: bool, seed: int):
        self._loader = loader
        self._address = address
        self._order = (np.arange(len(loader.paths)), training, seed)
        self._training = training
        self._batch_size = batch_size
        self._steps = -(-len(loader.paths) // batch_size)
        self._batches_a_piece = -(-len(loader.paths) // _ROWS_A_BATCH_OF_A_PIECE)
        self._pieces = -(-self._steps // self._batches_a_piece)
        self._idle: Job | None = None

    def dataset(self, epoch) -> tf.data.Dataset:
        images = {
            size: tf.TensorSpec([None, *shape]) for size, shape in self._loader.shapes.items()
        }
        numbers, oks = tf.TensorSpec([None], tf.int64), tf.TensorSpec([None], tf.bool)
        return tf.data.Dataset.from_generator(
            self._in_order, args=(epoch,), output_signature=(numbers, images, oks)
        )

    def _in_order(self, epoch: np.ndarray) -> Iterator[tuple]:
        """Yield the batches of an epoch."""
        first = int(epoch) * self._steps
        # One pass takes the job of the last one on; a second at the same time opens its own.
        job, self._idle = self._idle, None
        if job is None or job.turn != first:
            job = Job(self._batches_from, self._address, first, self._read_here)
        for _ in range(self._steps):
            yield job.next_batch()
        if self._training and not job.given_up:
            self._idle = job

    def _batches_from(self, turn: int) -> tf.data.Dataset:
        """Return what the workers do from the piece on that holds a batch."""
        epoch, step = divmod(turn, self._steps)
        last = _FOR_EVER if self._training else epoch + 1
        first = epoch * self._pieces + step // self._batches_a_piece
        return tf.data.Dataset.range(first, last * self._pieces).flat_map(self._piece)

    def _piece(self, number: tf.Tensor) -> tf.data.Dataset:
        """Return the batches of a piece of an epoch, each with its number."""
        epoch, piece = number // self._pieces, number % self._pieces
        first = piece * self._batches_a_piece
        begin = first * self._batch_size
        rows = self._rows(epoch, begin, begin + self._batches_a_piece * self._batch_size)
        batches = tf.data.Dataset.from_tensor_slices(rows).batch(self._batch_size)
        batches = batches.enumerate(epoch * self._steps + first)
        return batches.map(lambda turn, index: (turn, index, *self._loader(index, epoch)))

    def _read_here(self, turn: int) -> tuple:
        epoch, step = divmod(turn, self._steps)
        begin = step * self._batch_size
        index = self._rows(epoch, begin, begin + self._batch_size)
        return index, *self._loader(index, epoch)

    def _rows(self, epoch, begin, end) -> tf.Tensor:
        rows, training, seed = self._order
        return epoch_order(rows, training, seed, epoch)[begin:end]


class Job:
    """The batches from one number on, as workers make them, in order.

    Args:
        batches_from: from the number of a batch to what the workers run, elements (number, *batch),
            of which the first may be earlier ones.
        address: of the dispatcher.
        first: number of the first batch.
        read_here: from a number to the batch that the workers should have made.

    Attributes:
        turn: number of the next batch.
        given_up: whether the workers no longer answer.
    """

    def __init__(
        self,
        batches_from: Callable[[int], tf.data.Dataset],
        address: str,
        first: int,
        read_here: Callable[[int], tuple],
    ):
        self.turn = first
        self.given_up = False
        self._batches_from = batches_from
        self._address = address
        self._read_here = read_here
        self._waiting: dict[int, tuple] = {}
        self._arrivals = _Arrivals(batches_from(first), address)

    def next_batch(self) -> tuple:
        """Return the batch whose turn it is."""
        turn, self.turn = self.turn, self.turn + 1
        while turn not in self._waiting and not self.given_up:
            if len(self._waiting) >= _MOST_WAITING:
                break
            arrived = self._arrivals.next()
            if arrived is None:
                self._arrivals = _Arrivals(self._batches_from(turn), self._address)
            elif isinstance(arrived, str):
                self.given_up = True
                _log.warning(
                    "data service at %s: %s; the rest of the epoch is read here",
                    self._address,
                    arrived,
                )
            elif int(arrived[0]) >= turn:  # otherwise it was given up and read here
                self._waiting[int(arrived[0])] = arrived[1:]
        return self._waiting.pop(turn, None) or self._read_here(turn)


class _Arrivals:
    """What workers send, in any order, waited for no longer than `_PATIENCE`.

    TensorFlow waits for lost workers without end, so a thread waits that may be left behind.
    """

    def __init__(self, batches: tf.data.Dataset, address: str):
        self._asked: queue.SimpleQueue = queue.SimpleQueue()
        self._arrived: queue.SimpleQueue = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        threading.Thread(target=self._receive, args=(batches, address), daemon=True).start()

    def next(self) -> tuple | str | None:
        """Return the next batch, or why there is none; None if the workers were let go."""
        with self._lock:
            if self._closed:
                return None
            self._asked.put(True)
        try:
            return self._arrived.get(timeout=_PATIENCE)
        except queue.Empty:
            return f"nothing in {_PATIENCE} s"

    def _receive(self, batches: tf.data.Dataset, address: str) -> None:
        split = tf.data.experimental.service.ShardingPolicy.DYNAMIC  # each piece to one worker
        service = tf.data.experimental.service.distribute(split, f"grpc://{address}")
        try:
            served = iter(batches.apply(service))
            while self._is_asked():
                self._arrived.put(next(served, "some batches were lost"))
        except tf.errors.OpError as error:
            self._arrived.put(next(iter(error.message.splitlines()), type(error).__name__))

    def _is_asked(self) -> bool:
        """Wait until somebody asks for a batch, or nobody has for long."""
        with contextlib.suppress(queue.Empty):
            return self._asked.get(timeout=_PATIENCE)
        with self._lock:
            self._closed = self._asked.empty()
        return not self._closed and self._asked.get()


def read_packed(paths: tf.Tensor) -> tf.Tensor:
    """Return the bytes of files, and of files that lie in shards, string [n], empty if unreadable.

    It does what `packed_batch` does without Python, which workers cannot run, in two to four times
    its time.
    """
    place = r"(?s)(.+\.tfrecord)#(\d{1,18})"
    starts = tf.where(
        tf.strings.regex_full_match(paths, place),
        tf.strings.regex_replace(paths, place, r"\2"),
        tf.constant("-1"),
    )
    files = tf.strings.regex_replace(paths, place, r"\1")

    def read(item):
        file, start = item
        return tf.cond(start < 0, lambda: tf.io.read_file(file), lambda: _record_at(file, start))

    items = (files, tf.strings.to_number(starts, tf.int64))
    return tolerant_map(read, items, [], tf.string)[0]


def _record_at(file: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    kind = {"output_types": [tf.string], "output_shapes": [[]]}
    records = tf.raw_ops.TFRecordDatasetV2(
        filenames=file[tf.newaxis],
        compression_type="",
        buffer_size=0,
        byte_offsets=start[tf.newaxis],
    )
    record = tf.raw_ops.TakeDataset(input_dataset=records, count=1, **kind)
    return tf.raw_ops.DatasetToSingleElement(dataset=record, **kind)[0]


def check_reachable(address: str) -> None:
    """Check that a program listens at `"host:port"`.

    Raises:
        InputError: if the address is none, or nothing answers there.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise InputError(f"data service {address!r}: give its host:port, such as localhost:5050")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except OSError as error:
        raise InputError(
            f"no data service answers at {address} ({error}): start one with "
            "`mtl-lowres data-service`"
        ) from error
