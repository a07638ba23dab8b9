"""The server's own protocol classes read the files that it is started with."""

import pytest
from google.protobuf import text_format

from mtl_lowres.serving.server_files import write_server_files


def test_the_server_reads_them(tmp_path):
    config = pytest.importorskip("tensorflow_serving.config.model_server_config_pb2")
    write_server_files(tmp_path)
    text = (tmp_path / "models.config").read_text("utf-8")
    (model,) = text_format.Parse(text, config.ModelServerConfig()).model_config_list.config
    assert model.name == tmp_path.name
    assert model.base_path == f"/models/{tmp_path.name}"
    assert model.model_platform == "tensorflow"


def test_batching(tmp_path):
    """Its message is not among the server's classes: a word and a whole number a line."""
    write_server_files(tmp_path)
    lines = (tmp_path / "batching.config").read_text("utf-8").splitlines()
    values = {line.split()[0]: int(line.split()[3]) for line in lines}
    assert values["max_batch_size"] == 64 and values["batch_timeout_micros"] == 2000
    assert all(line.split()[1:3] == ["{", "value:"] and line.endswith(" }") for line in lines)


def test_what_the_user_changed_stays(tmp_path):
    (tmp_path / "batching.config").write_text("mine")
    write_server_files(tmp_path)
    assert (tmp_path / "batching.config").read_text() == "mine"
    assert (tmp_path / "models.config").exists()
