"""Heads: everything about one task, from features to what a person reads."""

from mtl_lowres.heads.action import Action
from mtl_lowres.heads.age import Age
from mtl_lowres.heads.attribute import Attribute
from mtl_lowres.heads.base import Head
from mtl_lowres.heads.embedding import Embedding
from mtl_lowres.heads.identity import Identity
from mtl_lowres.heads.linear_svm import LinearSVM
from mtl_lowres.heads.posture import Posture
from mtl_lowres.registry import HEADS

list_heads = HEADS.list

__all__ = [
    "Action",
    "Age",
    "Attribute",
    "Embedding",
    "Head",
    "Identity",
    "LinearSVM",
    "Posture",
    "list_heads",
]
