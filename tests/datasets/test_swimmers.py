from itertools import product

import pytest

from mtl_lowres import InputError, check_manifest, read_dataset


@pytest.fixture
def folder(tmp_path):
    """Two actions of three people, ten clips each, in the thesis's numbers."""
    root = tmp_path / "Schwimmer ö"
    root.mkdir()
    for action, identity, number in product(range(2), range(3), range(10)):
        (root / f"{action}_{identity} ({number}).avi").write_bytes(b"")
    return root


def test_labels_are_those_of_the_names(folder):
    manifest = read_dataset("swimmers", folder)
    assert len(manifest) == 60
    for row in manifest.itertuples():
        name = row.path.removeprefix(f"{folder}/")
        assert name.startswith(f"{row.action}_{row.identity} (")
    assert manifest.attrs["classes"] == {"action": ["0", "1"], "identity": ["0", "1", "2"]}
    check_manifest(manifest)


def test_every_pair_is_split_alike(folder):
    manifest = read_dataset("swimmers", folder, seed=4)
    counts = manifest.groupby(["action", "identity", "split"]).size().unstack()
    assert (counts[["train", "val", "test"]] == [7, 1, 2]).all(axis=None)
    again = read_dataset("swimmers", folder, seed=4)
    other = read_dataset("swimmers", folder, seed=5)
    assert again.equals(manifest) and not other.equals(manifest)
    assert "subject" not in manifest


def test_without_a_split_the_people_are_subjects(folder):
    manifest = read_dataset("swimmers", folder, split=None)
    assert "split" not in manifest
    assert sorted(manifest["subject"].unique()) == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("name", "action", "identity"),
    [
        ("back_stroke_ann_12.mp4", "back_stroke", "ann"),
        ("freestyle ann 3.AVI", "freestyle", "ann"),
        ("自由形_アン_1.avi", "自由形", "アン"),
    ],
)
def test_forms_of_names(tmp_path, name, action, identity):
    (tmp_path / name).write_bytes(b"")
    (tmp_path / "notes_of_1.txt").write_bytes(b"")
    manifest = read_dataset("swimmers", tmp_path)
    assert manifest.attrs["classes"] == {"action": [action], "identity": [identity]}
    assert manifest["split"].tolist() == ["train"]


def test_tokens_are_sorted_numbers_first(tmp_path):
    for token in ("10", "9", "b", "a"):
        (tmp_path / f"{token}_0_1.avi").write_bytes(b"")
    manifest = read_dataset("swimmers", tmp_path)
    assert manifest.attrs["classes"]["action"] == ["9", "10", "a", "b"]


def test_names_beside_the_clips(folder):
    """In the order of the file; two tokens may have one name; identity is not mentioned."""
    (folder / "names.csv").write_text("task,token,name\naction,1,drowning\naction,0,safe\n")
    manifest = read_dataset("swimmers", folder)
    assert manifest.attrs["classes"]["action"] == ["drowning", "safe"]
    assert manifest.attrs["classes"]["identity"] == ["0", "1", "2"]
    assert manifest.loc[manifest["action"] == 0, "path"].str.contains("/1_").all()
    other = folder.parent / "n.csv"
    other.write_text("task,token,name\naction,1,swims\naction,0,swims\n")
    manifest = read_dataset("swimmers", folder, names=other)
    assert manifest.attrs["classes"]["action"] == ["swims"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task,token,name\naction,0,safe\n", "1_0 .*the action '1' is not in .*which has 0: add"),
        ("task,token,name\nactoin,0,safe\n", "line 2: task='actoin'"),
        ("task,token,name\naction,0,\n", "line 2: .*name=''"),
        ("a,b\n1,2\n", "line 2: task=None"),
    ],
)
def test_names_that_cannot_be_used(folder, text, message):
    (folder / "names.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_dataset("swimmers", folder)


def test_absent_names(folder):
    with pytest.raises(InputError, match="gone.csv: cannot be read"):
        read_dataset("swimmers", folder, names=folder / "gone.csv")


@pytest.mark.parametrize("name", ["0_1.avi", "holiday.mp4", "0_1_x.avi", "_1_1.avi"])
def test_a_malformed_name_is_left_out_and_named(folder, name):
    (folder / name).write_bytes(b"")
    with pytest.warns(UserWarning, match=f"1 videos are left out.*{name}"):
        manifest = read_dataset("swimmers", folder)
    assert len(manifest) == 60
    assert manifest.attrs["skipped"] == [str(folder / name)]


def test_errors(folder, tmp_path):
    with pytest.raises(InputError, match="has no video called"):
        read_dataset("swimmers", tmp_path / "absent")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.avi").write_bytes(b"")
    with pytest.raises(InputError, match="the first is 'a.avi'"):
        read_dataset("swimmers", tmp_path / "other")
    with pytest.raises(InputError, match="sum to 1"):
        read_dataset("swimmers", folder, split=(0.5, 0.2, 0.2))
