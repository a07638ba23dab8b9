"""A few hundred of the cases that `benchmarks/fuzz_export.py` sends by the ten thousand."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from mtl_lowres.data.decode import MAX_PIXELS

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "fuzz_cases.py"
REQUESTS, CASES = 8, 30


@pytest.fixture(scope="module")
def fuzz():
    spec = importlib.util.spec_from_file_location("fuzz_cases", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def requests(fuzz):
    """Requests of cases: (category, kind, bytes) each."""
    random = np.random.default_rng(7)
    return [[fuzz.make_case(random) for _ in range(CASES)] for _ in range(REQUESTS)]


def test_other_decoders_read_every_kind_of_good_file(fuzz):
    """They are what the others are judged by."""
    pixels = np.full((6, 9, 3), 255, np.uint8)
    for kind, encode in fuzz.KINDS.items():
        image = fuzz.reference(encode(pixels, fuzz.Image.fromarray(pixels)), MAX_PIXELS)
        assert image is not None and image.shape[-1] == 3 and image.mean() > 0.98, kind


def test_requests_never_fail_and_good_neighbours_stay(fuzz, requests, calibrated_export):
    """What is certainly no image is not ok; good files are; and so is what PIL reads of the rest.

    A file of which a byte was changed may be read by one decoder and refused by another: most of
    them must agree.
    """
    serve = calibrated_export[1].signatures["image_bytes"]
    good = fuzz.good_file(np.random.default_rng(1))[1]
    ends = [good] * (CASES + 2)
    expected = {name: value.numpy() for name, value in serve(image_bytes=tf.constant(ends)).items()}
    disagreements = 0
    for cases in requests:
        contents = [good, *(data for _, _, data in cases), good]
        answers = serve(image_bytes=tf.constant(contents))
        for name, values in answers.items():
            for place in (0, -1):
                np.testing.assert_array_equal(values.numpy()[place], expected[name][place])
        ok = answers["ok"].numpy()[1:-1]
        assert np.isfinite(answers["face_embedding"]).all()
        for (category, kind, data), fine in zip(cases, ok, strict=True):
            assert not (fine and fuzz.CHANGES[category][1]), (category, kind)
            if category in ("untouched", "bytes behind the end"):
                assert fine, kind
            disagreements += fine != (fuzz.reference(data, MAX_PIXELS) is not None)
    assert disagreements <= 0.05 * REQUESTS * CASES
