"""A made-up VOCdevkit of seven images."""

import pytest

from mtl_lowres import InputError, check_manifest, read_dataset
from mtl_lowres.datasets.voc2007 import CLASSES

TRAIN, VAL, TEST = ["000005", "000007"], ["000009", "000012"], ["000001", "000002", "000003"]
PARTS = {"train": TRAIN, "val": VAL, "trainval": TRAIN + VAL, "test": TEST}


def _label(name, image):
    """Image i shows class i; 000005 a difficult cow too, and 000002 everything."""
    if (name, image) == ("cow", "000005"):
        return 0
    return 1 if image == "000002" or CLASSES.index(name) == int(image) else -1


@pytest.fixture
def devkit(tmp_path):
    root = tmp_path / "Bilder ü" / "VOCdevkit"
    main, images = root / "VOC2007" / "ImageSets" / "Main", root / "VOC2007" / "JPEGImages"
    main.mkdir(parents=True)
    images.mkdir()
    for part, ids in PARTS.items():
        for name in CLASSES:
            lines = [f"{image} {_label(name, image):2d}\n" for image in ids]
            (main / f"{name}_{part}.txt").write_text("".join(lines))
    for image in TRAIN + VAL + TEST:
        (images / f"{image}.jpg").write_bytes(b"")
    return root


def _main(devkit):
    return devkit / "VOC2007" / "ImageSets" / "Main"


def test_labels_and_splits(devkit):
    manifest = read_dataset("voc2007", devkit / "VOC2007")
    assert list(manifest) == ["path", *CLASSES, "split"]
    images = devkit / "VOC2007" / "JPEGImages"
    assert manifest["path"].tolist() == [str(images / f"{i}.jpg") for i in TRAIN + VAL + TEST]
    assert manifest["split"].tolist() == ["train"] * 4 + ["test"] * 3
    rows = manifest.set_index(manifest["path"].str[-10:-4])
    for image in rows.index:
        expected = {-1: 0, 0: None, 1: 1}
        for name in CLASSES:
            value = rows.loc[image, name]
            assert (None if value is rows[name].dtype.na_value else value) == expected[
                _label(name, image)
            ]
    assert all(manifest[name].dtype == "Int64" for name in CLASSES)
    assert manifest["cow"].isna().sum() == 1
    assert manifest.attrs["classes"]["cow"] == ["no cow", "cow"]
    check_manifest(manifest, ["bus"])


def test_the_folder_above_and_a_split_for_validation(devkit):
    above = read_dataset("voc2007", devkit)
    assert above.equals(read_dataset("voc2007", devkit / "VOC2007"))
    manifest = read_dataset("voc2007", devkit, val=True)
    assert manifest["split"].tolist() == ["train"] * 2 + ["val"] * 2 + ["test"] * 3
    assert manifest.drop(columns="split").equals(above.drop(columns="split"))


def test_there_are_twenty_classes_in_the_benchmarks_order():
    assert len(set(CLASSES)) == 20 and list(CLASSES) == sorted(CLASSES)


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("cow_test", "000001 -1\n000002  2\n", "cow_test.txt line 2: '000002  2' is not"),
        ("cow_test", "000001 -1 1\n", "cow_test.txt line 1: '000001 -1 1' is not"),
        ("cow_test", "000001 -1\n0000", "cow_test.txt line 2: '0000' is not"),
        ("cow_test", "000001 -1\n\n000001  1\n", "line 3: the image '000001' is also in .*line 1"),
        ("cow_test", "\n", "cow_test.txt: lists no image"),
        ("cow_test", "000001 -1\n000002  1\n", "'000003' is not in cow_test.txt"),
        ("cow_test", "".join(f"{i} 1\n" for i in [*TEST, "000099"]), "not in aeroplane_test.txt"),
        ("cow_test", "\xff".encode("latin-1"), "cow_test.txt: cannot be read"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(devkit, name, text, message):
    file = _main(devkit) / f"{name}.txt"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message):
        read_dataset("voc2007", devkit)


def test_a_missing_class_file_names_the_archives(devkit):
    (_main(devkit) / "sofa_test.txt").unlink()
    with pytest.raises(InputError, match="sofa_test.txt: cannot be read .*VOCtest_06-Nov-2007.tar"):
        read_dataset("voc2007", devkit)


def test_an_image_that_is_not_there_is_named(devkit):
    (devkit / "VOC2007" / "JPEGImages" / "000002.jpg").unlink()
    with pytest.raises(InputError, match="aeroplane_test.txt line 2: there is no image 000002.jpg"):
        read_dataset("voc2007", devkit)


def test_an_image_in_two_splits_is_named(devkit):
    for name in CLASSES:
        with (_main(devkit) / f"{name}_test.txt").open("a") as file:
            file.write("000007 -1\n")
    message = "aeroplane_test.txt line 4: the image '000007' is also in .*trainval.txt line 2"
    with pytest.raises(InputError, match=message):
        read_dataset("voc2007", devkit)


def test_another_folder_is_refused(devkit, tmp_path):
    for folder in (tmp_path / "absent", devkit / "VOC2007" / "JPEGImages"):
        with pytest.raises(InputError, match="give the folder VOC2007, or VOCdevkit above it"):
            read_dataset("voc2007", folder)
