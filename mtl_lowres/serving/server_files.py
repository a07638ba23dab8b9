"""The two files that TensorFlow Serving is started with."""

from pathlib import Path

from mtl_lowres.files import replacing

# Where the README's command shows the folder of versions to the server.
_BASE = "/models"
_MODELS = """model_config_list {{
  config {{
    name: "{name}"
    base_path: "{base}/{name}"
    model_platform: "tensorflow"
  }}
}}
"""
# Tiny networks cost less than the call: waiting two milliseconds for company pays. A request that
# has more than a batch is split; without that the server would refuse it.
_BATCHING = """max_batch_size { value: 1024 }
max_execution_batch_size { value: 64 }
enable_large_batch_splitting { value: true }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 1000 }
num_batch_threads { value: 2 }
"""


def write_server_files(out_dir: Path) -> None:
    """Write `models.config` and `batching.config` beside the versions of a model.

    Args:
        out_dir: parent of the version folders; its name is the model's.
    """
    name = out_dir.resolve().name  # that of "." is the folder's
    texts = {
        "models.config": _MODELS.format(name=name, base=_BASE),
        "batching.config": _BATCHING,
    }
    for name, text in texts.items():
        if not (out_dir / name).exists():  # the user may have changed it
            with replacing(out_dir / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
