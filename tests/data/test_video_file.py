import numpy as np
import pytest

from mtl_lowres.data.video import read_frames
from mtl_lowres.data.video_file import write_video


@pytest.mark.parametrize("colours", [(), (3,)], ids=["grey", "RGB"])
def test_frames_come_back_but_for_what_jpeg_loses(tmp_path, colours):
    levels = np.array([30, 120, 210], np.uint8)
    frames = np.zeros((3, 16, 24, *colours), np.uint8) + levels.reshape(
        -1, *[1] * (2 + len(colours))
    )
    if colours:
        frames[..., 2] = 90
    path = tmp_path / "größe.part"
    write_video(frames, path, 10)
    assert [file.name for file in tmp_path.iterdir()] == ["größe.part"]
    found = read_frames(path).astype(int)
    expected = frames if colours else np.repeat(frames[..., np.newaxis], 3, axis=-1)
    assert np.abs(found - expected).max() <= 4


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OSError, match="cannot write a video there"):
        write_video(np.zeros((2, 16, 16), np.uint8), tmp_path / "gone" / "a.avi", 10)
