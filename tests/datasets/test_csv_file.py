import pytest

from mtl_lowres import InputError, read_dataset


def test_reads_a_users_csv(tmp_path):
    (tmp_path / "ä.png").write_bytes(b"")
    file = tmp_path / "my data.csv"
    file.write_text("path,posture,room\nä.png,3,kitchen\nb.png,,hall\n", encoding="utf-8")
    manifest = read_dataset("csv", file)
    assert manifest["path"].tolist() == [str(tmp_path / "ä.png"), str(tmp_path / "b.png")]
    assert manifest["posture"].dtype == "Int64"
    assert manifest["posture"][0] == 3
    assert manifest["posture"].isna().tolist() == [False, True]
    assert manifest["room"].tolist() == ["kitchen", "hall"]


def test_a_folder_and_an_absent_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        read_dataset("csv", tmp_path)
    with pytest.raises(InputError, match="absent.csv"):
        read_dataset("csv", tmp_path / "absent.csv")
