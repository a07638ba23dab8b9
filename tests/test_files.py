"""Files and folders are replaced whole or not at all."""

import pytest

from mtl_lowres.files import kept_json, replacing, write_json


def test_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_folder_replaces_folder(tmp_path):
    for content in ("first", "second"):
        with replacing(tmp_path / "model") as temporary:
            temporary.mkdir()
            (temporary / content).touch()
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["second"]


def test_not_a_number_is_no_json(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"f1": float("nan")})
    assert not list(tmp_path.iterdir())


def test_what_is_kept_is_made_once(tmp_path):
    path, made = tmp_path / "größe" / "a.json", []

    def make():
        made.append(1)
        return {"f1": [0.5, None]}

    assert kept_json(path, make) == kept_json(path, make) == {"f1": [0.5, None]}
    assert len(made) == 1
    path.unlink()
    with pytest.raises(ValueError):
        kept_json(path, lambda: float("nan"))
    assert not path.exists()
