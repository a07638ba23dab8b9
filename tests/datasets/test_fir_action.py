import json

import numpy as np
import pytest

from mtl_lowres import InputError, read_dataset

HEADER = "recording,start,end,action,person,position,light"
ROWS = (
    "größe_p1_dark1,2,5,walk1,human1,p1,dark",
    "größe_p1_dark1,5,9,sitdown,human1,p1,dark",
    "größe_p1_dark1,9,12,sit,human1,p1,dark",
    "b_p2_light1,0,4,falling2,human2,p2,light",
    "b_p2_light1,4,8,lie,human2,p2,light",
    "b_p2_light1,8,12,stand,human2,p2,light",
)


def write_segments(folder, rows):
    (folder / "segments.csv").write_text("\n".join((HEADER, *rows)) + "\n", encoding="utf-8")


@pytest.fixture
def tree(tmp_path):
    """Two recordings of a room at 20 degrees; a pixel is a degree warmer in the last 3 frames."""
    (tmp_path / "fir" / "recordings").mkdir(parents=True)
    for number, name in enumerate(("größe_p1_dark1", "b_p2_light1")):
        frames = np.full((12, 16, 16), 20 * 640, np.int16)
        frames[:, 3, 4] += 320  # a warm lamp
        frames[-3:, 5, 6 + number] += 640
        np.savez(tmp_path / "fir" / "recordings" / f"{name}.npz", frames=frames)
    write_segments(tmp_path / "fir", ROWS)
    return tmp_path / "fir"


@pytest.fixture
def read(tree, tmp_path):
    def read(prepared="prepared", **options):
        return read_dataset("fir_action", tree, prepared=tmp_path / prepared, **options)

    return read


def test_manifest(read, tmp_path):
    manifest = read()
    assert manifest["path"].tolist()[2:4] == [
        str(tmp_path / "prepared" / name) for name in ("größe_p1_dark1.npy", "b_p2_light1.npy")
    ]
    assert manifest["start"].tolist() == [2, 5, 9, 0, 4, 8]
    assert manifest["stop"].tolist() == [5, 9, 12, 4, 8, 12]
    assert manifest["subject"].tolist() == ["human1"] * 3 + ["human2"] * 3
    actions = ["walk", "sitdown", "sit", "standup", "stand", "falling", "lie"]
    assert manifest.attrs["classes"] == {"action": actions, "posture": ["sit", "stand", "lie"]}
    assert manifest["action"].tolist() == [0, 1, 2, 5, 6, 4]
    assert manifest["posture"].fillna(-1).tolist() == [-1, -1, 0, -1, 2, 1]
    assert manifest["position"].tolist() == ["p1"] * 3 + ["p2"] * 3
    assert manifest["light"].tolist() == ["dark"] * 3 + ["light"] * 3


def test_ten_actions(read):
    manifest = read(merge=False)
    names = manifest.attrs["classes"]["action"]
    assert len(names) == 10
    assert [names[label] for label in manifest["action"]] == [
        *("walk1", "sitdown", "sit", "falling2", "lie", "stand")
    ]


@pytest.mark.parametrize(
    ("background", "room", "lamp", "person"),
    [
        # From -0.5 to 1.5 degrees become 0 to 1, so that a degree is 0.5 and the room 0.25.
        ("session(25)", 0.25, 0.25, 0.75),
        ("percentile(25)", 0.25, 0.25, 0.75),
        ("median", 0.25, 0.25, 0.75),
        ("first(4)", 0.25, 0.25, 0.75),
        ("percentile(100)", 0.25, 0.25, 0.25),
        ("none", 0.25, 0.5, 0.75),
    ],
)
def test_prepared_values(read, background, room, lamp, person):
    clip = np.load(read(background=background)["path"][0])
    assert clip.shape == (12, 16, 16, 1)
    assert clip.dtype == np.float32
    np.testing.assert_allclose(clip[-1, [0, 3, 5], [0, 4, 6], 0], [room, lamp, person], atol=1e-6)


def test_the_background_of_a_session_does_not_hold_who_stays(tree, read):
    """A pixel that is warm throughout one of three recordings of a day is a person in it."""
    rows = []
    for number in range(3):
        frames = np.full((8, 16, 16), 20 * 640, np.int16)
        frames[:, 3, 4] += 320  # a warm lamp
        frames[:, 7, 2 + number] += 640
        np.savez(tree / "recordings" / f"20170203_p{number}.npz", frames=frames)
        rows.append(f"20170203_p{number},0,8,sit,human1,p1,dark")
    write_segments(tree, rows)
    for prepared, background, seen in (("a", "session(25)", 0.75), ("b", "percentile(25)", 0.25)):
        for number, path in enumerate(read(prepared, background=background)["path"]):
            clip = np.load(path)
            np.testing.assert_allclose(clip[:, 7, 2 + number], seen, atol=1e-6)
            np.testing.assert_allclose(clip[:, 3, 4], 0.25, atol=1e-6)


def test_values_beyond_the_range_are_clipped(read):
    clip = np.load(read(background="none", low=0.25, high=0.75)["path"][0])
    np.testing.assert_allclose(clip[-1, [0, 3, 5], [0, 4, 6], 0], [0, 0.5, 1], atol=1e-6)


def test_the_drift_of_the_sensor_is_removed(tree, read):
    name = tree / "recordings" / "b_p2_light1.npz"
    frames = np.load(name)["frames"]
    np.savez(name, frames=frames + np.arange(12, dtype=np.int16)[:, None, None] * 64)
    clip = np.load(read()["path"][3])
    np.testing.assert_allclose(clip[:, 0, 0, 0], 0.25, atol=1e-6)


def test_prepared_recordings_are_used_again_with_the_same_settings_only(read, tmp_path):
    path = tmp_path / "prepared" / "b_p2_light1.npy"
    read()
    before = path.stat().st_mtime_ns
    read()
    assert path.stat().st_mtime_ns == before
    assert json.loads((tmp_path / "prepared" / "settings.json").read_text())["high"] == 1.5
    with pytest.raises(InputError, match=r"prepared=.*'high': 1.5.*another folder"):
        read(high=2.0)


def test_a_folder_of_something_else_is_refused(read, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "photo.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="holds other files"):
        read("other")


def test_prepared_is_needed(tree):
    with pytest.raises(InputError, match="give prepared="):
        read_dataset("fir_action", tree)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("b_p2_light1,4,4,lie,human2,p2,light", "line 8: end '4'.*rising"),
        ("b_p2_light1,four,5,lie,human2,p2,light", "line 8: end '5'.*rising"),
        ("b_p2_light1,-1,5,lie,human2,p2,light", "line 8: end '5'.*rising"),
        ("b_p2_light1,4,8,jump,human2,p2,light", "line 8: action 'jump'.*walk"),
        ("b_p2_light1,4,8,lie,,p2,light", "line 8: person ''.*empty"),
        ("../b_p2_light1,4,8,lie,human2,p2,light", "line 8: recording '../b_p2"),
        (",4,8,lie,human2,p2,light", "line 8: recording ''"),
        ("c_p2_light1,4,8,lie,human2,p2,light", "line 8: no recording .*c_p2_light1.npz"),
        ("b_p2_light1,4,13,lie,human2,p2,light", "line 8: ends at frame 13, but .* has 12"),
        ("b_p2_light1,4", "line 8: end ''"),
    ],
)
def test_a_segment_that_cannot_be_used_is_named(tree, read, row, message):
    write_segments(tree, (*ROWS, row))
    with pytest.raises(InputError, match=message):
        read()


def test_damaged_tables(tree, read):
    (tree / "segments.csv").write_text("recording,start\nb,1\n")
    with pytest.raises(InputError, match="no column 'end'"):
        read()
    write_segments(tree, ())
    with pytest.raises(InputError, match="has no segment"):
        read()
    write_segments(tree, ("a,1,2,lie,h,p,l,more,cells",))
    with pytest.raises(InputError, match=r"segments\.csv"):
        read()
    (tree / "segments.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"segments\.csv: cannot be read"):
        read()
    (tree / "segments.csv").unlink()
    with pytest.raises(InputError, match="no such file: give the folder"):
        read()


@pytest.mark.parametrize(
    "arrays",
    [
        {"pictures": np.zeros((3, 16, 16), np.int16)},
        {"frames": np.zeros((3, 16, 8), np.int16)},
        {"frames": np.zeros((0, 16, 16), np.int16)},
        {"frames": np.zeros((3, 16, 16), np.float32)},
        {"frames": np.array([None])},
        {},
    ],
)
def test_a_damaged_recording_is_named_and_leaves_no_file(tree, read, tmp_path, arrays):
    np.savez(tree / "recordings" / "b_p2_light1.npz", **arrays)
    with pytest.raises(InputError, match=r"b_p2_light1\.npz: .*copy the recording anew"):
        read()
    assert not list((tmp_path / "prepared").glob("*b_p2*"))


def test_a_truncated_recording_is_named(tree, read):
    file = tree / "recordings" / "b_p2_light1.npz"
    file.write_bytes(file.read_bytes()[:500])
    with pytest.raises(InputError, match=r"b_p2_light1\.npz: .*copy the recording anew"):
        read()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"background": "mean"}, "background='mean' is unknown"),
        ({"background": "percentile"}, "background='percentile' is unknown"),
        ({"background": "percentile(101)"}, "percentile"),
        ({"background": "first(0)"}, "first"),
        ({"background": "median|none"}, "background='median"),
        ({"low": 2.0}, "low must be below high"),
        ({"high": "warm"}, "high"),
    ],
)
def test_unusable_options(read, options, message):
    with pytest.raises(InputError, match=message):
        read(**options)


def test_released_data(data_dir, tmp_path):
    manifest = read_dataset("fir_action", data_dir / "fir_action_16x16", prepared=tmp_path / "a")
    assert len(manifest) == 1680
    assert manifest["subject"].value_counts().to_dict() == {f"human{i}": 280 for i in range(1, 7)}
    assert manifest["action"].value_counts().to_dict() == dict.fromkeys(range(7), 240)
    assert manifest["posture"].value_counts(dropna=True).to_dict() == dict.fromkeys(range(3), 240)
    clip = np.load(manifest["path"][0])
    assert 0 <= clip.min() < 0.25 < clip.max() <= 1
