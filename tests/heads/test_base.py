import pytest

from mtl_lowres.heads import Head


def test_the_head_base_class_says_what_is_missing():
    with pytest.raises(NotImplementedError, match="Head must define loss"):
        Head().loss()
