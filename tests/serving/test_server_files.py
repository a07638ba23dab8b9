"""The server's own protocol classes read the files that it is started with."""

from pathlib import Path

import pytest
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

from mtl_lowres.serving.server_files import write_server_files


def test_the_server_reads_them(tmp_path):
    config = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    write_server_files(tmp_path)
    text = (tmp_path / "models.config").read_text("utf-8")
    (model,) = text_format.Parse(text, config.ModelServerConfig()).model_config_list.config
    assert model.name == tmp_path.name
    assert model.base_path == f"/models/{tmp_path.name}"
    assert model.model_platform == "tensorflow"


def test_the_folder_one_is_in_has_a_name_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_server_files(Path())
    assert f'name: "{tmp_path.name}"' in Path("models.config").read_text("utf-8")


# Of the message BatchingParameters in the server's session_bundle_config.proto, which is not among
# its Python classes, and what wraps its values. The numbers do not matter to a text.
_BATCHING_FIELDS = {
    "max_batch_size": "Int64Value",
    "batch_timeout_micros": "Int64Value",
    "max_enqueued_batches": "Int64Value",
    "num_batch_threads": "Int64Value",
    "max_execution_batch_size": "Int64Value",
    "enable_large_batch_splitting": "BoolValue",
}


def _batching_parameters():
    """Return an empty message of the server's parameters of batches."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(name="b.proto", package="b", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    message = file.message_type.add(name="BatchingParameters")
    for number, (name, wrapper) in enumerate(_BATCHING_FIELDS.items(), 1):
        kind = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
        message.field.add(
            name=name, number=number, type=kind, label=1, type_name=f".google.protobuf.{wrapper}"
        )
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("b.BatchingParameters"))()


def test_batching(tmp_path):
    """A request of up to 1024 items is taken, in batches of 64."""
    write_server_files(tmp_path)
    text = (tmp_path / "batching.config").read_text("utf-8")
    parameters = text_format.Parse(text, _batching_parameters())
    assert parameters.max_batch_size.value == 1024
    assert parameters.max_execution_batch_size.value == 64
    assert parameters.enable_large_batch_splitting.value is True
    assert parameters.batch_timeout_micros.value == 2000
    assert parameters.num_batch_threads.value == 2 and parameters.max_enqueued_batches.value == 1000


def test_what_the_user_changed_stays(tmp_path):
    (tmp_path / "batching.config").write_text("mine")
    write_server_files(tmp_path)
    assert (tmp_path / "batching.config").read_text() == "mine"
    assert (tmp_path / "models.config").exists()
