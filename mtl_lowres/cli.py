"""The command `mtl-lowres`.

TensorFlow is imported only inside the commands that compute, so that `--help` is instant.
"""

import os
import sys
from typing import NoReturn

import click

from mtl_lowres.commands import (
    data,
    data_service,
    faces,
    features,
    flow,
    lite,
    measure,
    pack,
    privacy,
    serving,
    training,
    transfer,
    units,
)
from mtl_lowres.errors import InputError

# TensorFlow logs harmless lines as errors; what really fails also raises.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# On by default for some processors only; it halves the time of a training step on the others too.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


class _OneLineErrors(click.Group):
    """Ends every failure in one line on standard error and a non-zero exit status."""

    def make_context(self, info_name, args, parent=None, **extra):
        if not args:  # Click's answer is the help, by way of a usage error.
            return super().make_context(info_name, args, parent, **extra)
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            _end(_usage(error, info_name), error.exit_code)

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort):
            raise
        except click.UsageError as error:
            _end(_usage(error, f"{ctx.command_path} {ctx.invoked_subcommand}"), error.exit_code)
        except click.ClickException as error:
            _end(error.format_message(), error.exit_code)
        except (InputError, OSError) as error:
            _end(str(error), 2)
        except Exception as error:
            if os.environ.get("MTL_LOWRES_DEBUG"):
                raise
            first_line = (str(error).splitlines() or [""])[0]
            unexpected = "(unexpected; MTL_LOWRES_DEBUG=1 shows where)"
            _end(f"{type(error).__name__}: {first_line} {unexpected}", 1)


def _usage(error: click.UsageError, command: str) -> str:
    """Return what was wrong, in Click's words, and whose help to ask for."""
    message = error.format_message()
    stop = "" if message.endswith((".", ")", "?")) else "."
    asked = error.ctx.command_path if error.ctx else command
    return f"{message[:1].lower()}{message[1:]}{stop} See '{asked} --help'."


def _end(message: str, status: int) -> NoReturn:
    click.echo(f"mtl-lowres: {' '.join(message.split())}", err=True)
    sys.exit(status)


@click.group(
    name="mtl-lowres",
    cls=_OneLineErrors,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="mtl_lowres")
def main():
    """Recognise people in images too small to recognise a person by eye."""


for command in (
    data.demo,
    training.train,
    training.evaluate,
    faces.verify,
    faces.build,
    features.features,
    flow.flow,
    units.units,
    transfer.transfer,
    training.report,
    measure.sweep,
    measure.calibrate,
    privacy.privacy,
    data_service.data_service,
    serving.predict,
    serving.export,
    lite.tflite,
    data.manifest,
    pack.pack,
    data.list_names,
):
    main.add_command(command)
