"""Trunks: functions from an image, clip or feature shape to a Functional model of features."""

from mtl_lowres.registry import TRUNKS
from mtl_lowres.trunks.alexnet import alexnet
from mtl_lowres.trunks.backbone import backbone
from mtl_lowres.trunks.backbones import list_backbones
from mtl_lowres.trunks.c2plus1d import c2plus1d
from mtl_lowres.trunks.c3d import c3d
from mtl_lowres.trunks.clipnet import clipnet
from mtl_lowres.trunks.face_resnet import face_resnet
from mtl_lowres.trunks.facelet import facelet
from mtl_lowres.trunks.feature_transfer import feature_transfer
from mtl_lowres.trunks.lownet import lownet
from mtl_lowres.trunks.lownet_comparisons import cnn3, lenet, resnet1, resnet2
from mtl_lowres.trunks.mtdnn import mtdnn
from mtl_lowres.trunks.semi_coupled_fusion import semi_coupled_fusion
from mtl_lowres.trunks.spherenet import spherenet
from mtl_lowres.trunks.steadynet import steadynet
from mtl_lowres.trunks.two_stream import two_stream
from mtl_lowres.trunks.two_stream_rnn import two_stream_rnn

list_trunks = TRUNKS.list

__all__ = [
    "alexnet",
    "backbone",
    "c2plus1d",
    "c3d",
    "clipnet",
    "cnn3",
    "face_resnet",
    "facelet",
    "feature_transfer",
    "lenet",
    "list_backbones",
    "list_trunks",
    "lownet",
    "mtdnn",
    "resnet1",
    "resnet2",
    "semi_coupled_fusion",
    "spherenet",
    "steadynet",
    "two_stream",
    "two_stream_rnn",
]
