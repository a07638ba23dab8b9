"""Recognise people in low-resolution images: posture, action, identity and age from one network.

Importing this package is cheap: TensorFlow is loaded by the first name that needs it.
"""

import importlib

__version__ = "0.1.0"

# Public name -> module that defines it.
_EXPORTS = {
    "InputError": "errors",
    "read_dataset": "datasets",
    "list_datasets": "datasets",
    "read_manifest": "data.manifest",
    "write_manifest": "data.manifest",
    "check_manifest": "data.manifest",
    "split_by_subject": "data.manifest",
    "hold_out_clips": "data.manifest",
    "leave_one_subject_out": "data.manifest",
    "parse_recipe": "data.degrade",
    "list_degradations": "data.degrade",
    "parse_augment": "data.augment",
    "list_augmentations": "data.augment",
    "list_clip_samplings": "data.clips",
    "list_flows": "data.flow",
    "make_dataset": "data.pipeline",
    "make_mixed_dataset": "data.mixed",
    "build_model": "model",
    "save_model": "model",
    "load_model": "model",
    "list_trunks": "trunks",
    "list_backbones": "trunks",
    "list_heads": "heads",
    "list_weightings": "weighting",
    "train": "training.run",
    "TrainConfig": "training.config",
    "extract_features": "training.features",
    "open_features": "training.features",
    "export": "serving.export",
    "Predictor": "serving.predictor",
}
_SUBMODULES = ("heads", "trunks", "layers", "losses", "datasets", "evaluation", "report")

__all__ = ["__version__", *_EXPORTS, *_SUBMODULES]


def __getattr__(name: str):
    if name in _SUBMODULES:
        return importlib.import_module(f"mtl_lowres.{name}")
    if name in _EXPORTS:
        value = getattr(importlib.import_module(f"mtl_lowres.{_EXPORTS[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'mtl_lowres' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
