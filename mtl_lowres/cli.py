"""The command `mtl-lowres`.

TensorFlow is imported only inside the commands that compute, so that `--help` is instant.
"""

import os
import sys

import click

from mtl_lowres.commands import (
    data,
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

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except InputError as error:
            message, status = str(error), 2
        except OSError as error:
            message, status = str(error), 2
        except Exception as error:
            if os.environ.get("MTL_LOWRES_DEBUG"):
                raise
            first_line = (str(error).splitlines() or [""])[0]
            message = (
                f"{type(error).__name__}: {first_line} (unexpected; MTL_LOWRES_DEBUG=1 shows where)"
            )
            status = 1
        click.echo(f"mtl-lowres: {' '.join(message.split())}", err=True)
        sys.exit(status)


@click.group(
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
    serving.predict,
    serving.export,
    lite.tflite,
    data.manifest,
    pack.pack,
    data.list_names,
):
    main.add_command(command)
