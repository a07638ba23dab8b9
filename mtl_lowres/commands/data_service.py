"""data-service."""

import os
import signal
import threading

import click

_PORT = click.IntRange(0, 2**16 - 1)


@click.command("data-service", epilog="Example: mtl-lowres data-service --port 5050")
@click.option(
    "--port", type=_PORT, default=5050, show_default=True, help="Of the dispatcher; 0: a free one."
)
@click.option("--join", metavar="HOST:PORT", help="Start a worker more for a dispatcher elsewhere.")
@click.option(
    "--host",
    default="localhost",
    show_default=True,
    help="Name by which others reach this machine.",
)
@click.option(
    "--worker-port", type=_PORT, default=0, show_default=True, help="Of the worker; 0: a free one."
)
def data_service(port, join, host, worker_port):
    """Read, decode and degrade images for training processes, until stopped.

    Starts a dispatcher and a worker that uses all cores of this machine; `mtl-lowres train
    --data-service HOST:PORT` and `make_dataset(service=...)` then read through it, with the same
    results. Further machines join with --join. All must see the images at the same paths.

    Nothing is encrypted or asked for a password: who reaches the ports can read files here. Use it
    within a network that you trust.
    """
    from mtl_lowres.data.data_servers import start_dispatcher, start_worker

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    servers = []  # which serve as long as they are kept
    if not join:
        servers.append(start_dispatcher(port))
        # As this machine itself reaches it, whatever its name is elsewhere.
        port = int(servers[0].target.rpartition(":")[2])
    servers.append(start_worker(join or f"localhost:{port}", host, worker_port))
    if join:
        click.echo(f"a worker of the data service at {join}; stop with Ctrl-C")
    else:
        click.echo(f"data service at {host}:{port}; stop with Ctrl-C")
    # A signal that one of TensorFlow's threads receives does not end a wait of this one.
    while not stopped.wait(timeout=1):
        pass
    click.echo("stopped")
    # To end in order, TensorFlow would wait up to a minute for trainings that are still there.
    os._exit(0)
