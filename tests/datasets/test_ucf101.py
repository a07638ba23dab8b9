import pytest

from mtl_lowres import InputError, check_manifest, read_dataset

# As in the release: the third class is spelt otherwise in the names of its files.
CLASSES = {"Archery": "Archery", "YoYo": "YoYo", "HandstandPushups": "HandStandPushups"}


def _video(name, group, clip=1):
    return f"{name}/v_{CLASSES[name]}_g{group:02d}_c{clip:02d}.avi"


@pytest.fixture
def folder(tmp_path):
    """Group 1 is test; of groups 2 to 6 one class has two clips each."""
    root = tmp_path / "UCF ö"
    lists = root / "ucfTrainTestlist"
    lists.mkdir(parents=True)
    numbered = [f"{number} {name}" for number, name in enumerate(CLASSES, 1)]
    train = [
        f"{_video(name, group, clip)} {number}"
        for number, name in enumerate(CLASSES, 1)
        for group in range(2, 7)
        for clip in ((1, 2) if name == "YoYo" else (1,))
    ]
    test = [_video(name, 1) for name in CLASSES]
    for name, lines in (("classInd", numbered), ("trainlist01", train), ("testlist01", test)):
        (lists / f"{name}.txt").write_text("".join(f"{line}\r\n" for line in lines))
    for line in [*train, *test]:
        file = root / "UCF-101" / line.split()[0]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    return root


def test_published_split(folder):
    manifest = read_dataset("ucf101", folder)
    # Not in alphabetical order, but in that of classInd.txt.
    assert manifest.attrs["classes"] == {"action": ["Archery", "YoYo", "HandstandPushups"]}
    assert manifest["split"].tolist() == ["train"] * 20 + ["test"] * 3
    assert manifest["action"].tolist() == [0] * 5 + [1] * 10 + [2] * 5 + [0, 1, 2]
    assert manifest["subject"].iloc[:2].tolist() == ["Archery_g02", "Archery_g03"]
    assert manifest["path"].iloc[-1] == str(folder / "UCF-101" / _video("HandstandPushups", 1))
    check_manifest(manifest)


def test_validation_rows_are_whole_groups(folder):
    manifest = read_dataset("ucf101", folder, val=0.2, seed=1)
    check_manifest(manifest)
    assert manifest.loc[manifest["split"] == "val", "subject"].nunique() == 3  # of 15
    assert (manifest["split"] == "test").sum() == 3
    assert read_dataset("ucf101", folder, val=0.2, seed=1).equals(manifest)
    assert not read_dataset("ucf101", folder, val=0.2, seed=2).equals(manifest)


def test_other_places(folder, tmp_path):
    expected = read_dataset("ucf101", folder)
    assert read_dataset("ucf101", folder / "UCF-101").equals(expected)
    (folder / "ucfTrainTestlist").rename(tmp_path / "lists")
    assert read_dataset("ucf101", folder, splits=tmp_path / "lists").equals(expected)


def test_missing_and_unlisted_videos_are_counted(folder):
    (folder / "UCF-101" / _video("YoYo", 3, 2)).unlink()
    (folder / "UCF-101" / _video("Archery", 25)).write_bytes(b"")
    with pytest.warns() as caught:
        assert len(read_dataset("ucf101", folder)) == 22
    missing, unlisted = (str(warning.message) for warning in caught)
    assert "1 listed videos are left out, since their files are missing" in missing
    assert missing.endswith(repr(_video("YoYo", 3, 2)))
    assert unlisted.endswith(_video("Archery", 25))


def _add(folder, name, line):
    file = folder / "ucfTrainTestlist" / f"{name}.txt"
    file.write_text(file.read_text() + line + "\n")


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("trainlist01", "v_YoYo_g09_c01.avi 2", "line 21: .* is not `<class>/<name>`"),
        ("trainlist01", "YoYo/v_YoYo_g09_c01.avi two", "line 21: .* is not"),
        ("trainlist01", "YoYo/v_YoYo_g09_c01.avi 1", "line 21: .*not that of classInd.txt"),
        ("testlist01", "Yoga/v_Yoga_g09_c01.avi", "line 4: .*not that of classInd.txt"),
        ("testlist01", _video("YoYo", 2), "is also in .*trainlist01.txt line 6: delete one"),
        ("testlist01", "YoYo/mine.avi", "line 4: 'mine.avi' has no group"),
        ("classInd", "5 Yoga", "line 4: '5 Yoga' is not `4 <class>`"),
        ("classInd", "4 Yoga", "Yoga: has none of the listed videos"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*no list names them")
def test_lists_that_cannot_be_used(folder, name, line, message):
    (folder / "UCF-101/YoYo/mine.avi").write_bytes(b"")
    _add(folder, name, line)
    with pytest.raises(InputError, match=message):
        read_dataset("ucf101", folder)


def test_errors(folder, tmp_path):
    with pytest.raises(InputError, match="split='a': give 1, 2 or 3"):
        read_dataset("ucf101", folder, split="a")
    with pytest.raises(InputError, match=r"trainlist02.txt: cannot be read \(No such file"):
        read_dataset("ucf101", folder, split=2)
    with pytest.raises(InputError, match="has no list classInd.txt"):
        read_dataset("ucf101", tmp_path)
    (folder / "UCF-101").rename(folder / "clips")
    with pytest.raises(InputError, match="has no folder 'Archery', neither there nor in UCF-101"):
        read_dataset("ucf101", folder)
