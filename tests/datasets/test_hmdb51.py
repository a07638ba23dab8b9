import unicodedata

import pytest

from mtl_lowres import InputError, check_manifest, read_dataset
from mtl_lowres.datasets.hmdb51 import film_of

TAGS = "u_nm_np1_fr_goo"
# Class -> (name, mark in the first split); names as odd as those of the release, and odder.
VIDEOS = {
    "brush_hair": [
        (f"#20_Rhythm_brush_hair_{TAGS}_0.avi", 1),
        (f"Return_3_brush_hair_{TAGS}_0.avi", 1),
        (f"(HQ)_show it & smile-)_brush_hair_{TAGS}_1.avi", 2),
    ],
    "kick": [
        (f"Return_4_kick_{TAGS}_0.avi", 1),
        (f"Kurt Krämer_kick_{TAGS}_0.avi", 1),
        (f"show_kick_{TAGS}_1.avi", 2),
        (f"spare_kick_{TAGS}_1.avi", 0),
    ],
}


def _write_list(root, name, lines, split=1):
    lists = root / "testTrainMulti_7030_splits"
    lists.mkdir(exist_ok=True)
    # The release ends its lines with a space.
    text = "".join(f"{line} \n" for line in lines)
    (lists / f"{name}_test_split{split}.txt").write_text(text, encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "HMDB 51 ö"
    for name, videos in VIDEOS.items():
        (root / "videos" / name).mkdir(parents=True)
        for video, _ in videos:
            (root / "videos" / name / video).write_bytes(b"")
        _write_list(root, name, [f"{video} {mark}" for video, mark in videos])
        _write_list(root, name, [f"{video} {(mark + 1) % 3}" for video, mark in videos], split=2)
    return root


def _rows(manifest):
    names = [path.rpartition("/")[2] for path in manifest["path"]]
    return list(zip(names, manifest["action"], manifest["split"], strict=True))


def test_published_split(folder):
    manifest = read_dataset("hmdb51", folder)
    parts = {1: "train", 2: "test"}
    assert _rows(manifest) == [
        (video, label, parts[mark])
        for label, videos in enumerate(VIDEOS.values())
        for video, mark in videos
        if mark
    ]
    assert manifest.attrs["classes"] == {"action": ["brush_hair", "kick"]}
    assert "subject" not in manifest
    check_manifest(manifest)


def test_another_split_and_other_places(folder, tmp_path):
    second = read_dataset("hmdb51", folder, split=2)
    assert second["split"].tolist() == ["test", "test", "test", "test", "train"]
    assert _rows(read_dataset("hmdb51", folder / "videos", split=2)) == _rows(second)
    lists = tmp_path / "lists"
    (folder / "testTrainMulti_7030_splits").rename(lists)
    assert _rows(read_dataset("hmdb51", folder, split=2, splits=lists)) == _rows(second)


@pytest.mark.parametrize(
    ("name", "action", "film"),
    [
        (f"Return_of_the_King_4_pour_{TAGS}_0.avi", "pour", "return_of_the_king"),
        ("BIG_FISH_walk_f_nm_np1_ba_med_12.avi", "walk", "big_fish"),
        ("show_your_smile_-)_smile_h_cm_np1_fr_goo_0.avi", "smile", "show_your_smile_-)"),
        # A name that says another class than its folder, and one without tags.
        ("Walk_run_f_cm_np1_ba_bad_3.avi", "walk", "walk_run"),
        ("my own clip.avi", "walk", "my own clip"),
        ("7_walk_f_nm_np1_ba_med_0.avi", "walk", "7"),
    ],
)
def test_film(name, action, film):
    assert film_of(name, action) == film


def test_validation_rows_are_whole_films(folder):
    """Both parts of "Return" are one film, in two classes."""
    before = read_dataset("hmdb51", folder)
    for seed in range(6):
        manifest = read_dataset("hmdb51", folder, val=0.34, seed=seed)
        films = manifest.groupby("split")["film"].unique()
        assert not set(films["train"]) & set(films["val"])
        assert manifest[before["split"] == "test"].equals(before[before["split"] == "test"])
        check_manifest(manifest)
    with pytest.raises(InputError, match="val=1.5"):
        read_dataset("hmdb51", folder, val=1.5)


def test_missing_and_unlisted_videos_are_counted(folder):
    (folder / "videos/kick" / VIDEOS["kick"][0][0]).unlink()
    (folder / "videos/kick" / VIDEOS["kick"][1][0]).unlink()
    (folder / "videos/kick" / "mine.avi").write_bytes(b"")
    (folder / "videos/kick" / "Thumbs.db").write_bytes(b"")
    # What a Mac leaves beside every file of an archive.
    (folder / "videos/kick" / "._mine.avi").write_bytes(b"")
    (folder / "testTrainMulti_7030_splits/._kick_test_split1.txt").write_bytes(b"\xff")
    with pytest.warns() as caught:
        manifest = read_dataset("hmdb51", folder)
    assert len(manifest) == 4
    missing, unlisted = (str(warning.message) for warning in caught)
    assert "2 listed videos are left out, since their files are missing" in missing
    assert missing.endswith(f"the first is 'kick/{VIDEOS['kick'][0][0]}'")
    assert "1 videos are left out, since no list names them; the first is" in unlisted
    assert unlisted.endswith("kick/mine.avi")


def test_accents_spelt_otherwise(folder):
    """A Mac stores a letter and its accent apart."""
    video = folder / "videos/kick" / VIDEOS["kick"][1][0]
    apart = video.rename(video.with_name(unicodedata.normalize("NFD", video.name)))
    assert apart.name != video.name
    assert str(apart) in read_dataset("hmdb51", folder)["path"].tolist()


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["a.avi"], "line 1: 'a.avi' is not `<name of a video> <0, 1 or 2>`"),
        (["b.avi 1", "a.avi 3"], "line 2: 'a.avi 3' is not"),
        (["", "1"], "line 2: '1' is not"),
        (["a.avi 1", "a.avi 1"], "line 2: the video 'a.avi' is also in .* line 1: delete one"),
        ([], "lists no video"),
        (["a.avi 1"], "kick: has none of the videos of .*kick_test_split1.txt: unpack"),
    ],
)
def test_lists_that_cannot_be_used(folder, lines, message):
    _write_list(folder, "kick", lines)
    with pytest.raises(InputError, match=message):
        read_dataset("hmdb51", folder)


def test_errors(folder, tmp_path):
    with pytest.raises(InputError, match="split=4: give 1, 2 or 3"):
        read_dataset("hmdb51", folder, split=4)
    with pytest.raises(InputError, match="has no list <class>_test_split3.txt: unpack"):
        read_dataset("hmdb51", folder, split=3)
    with pytest.raises(InputError, match="gone: has no list"):
        read_dataset("hmdb51", folder, splits=tmp_path / "gone")
    (folder / "videos").rename(folder / "clips")
    with pytest.raises(InputError, match="has no folder 'brush_hair', neither there nor in videos"):
        read_dataset("hmdb51", folder)
    (folder / "testTrainMulti_7030_splits/kick_test_split1.txt").write_bytes(b"\xfc.avi 1\n")
    (folder / "clips").rename(folder / "videos")
    with pytest.raises(InputError, match="is not UTF-8"):
        read_dataset("hmdb51", folder)
