"""SavedModels that answer float images or clips and encoded files, in plain TensorFlow."""

from pathlib import Path

import tensorflow as tf

from mtl_lowres.data.decode import MAX_PIXELS
from mtl_lowres.data.degrade import parse_recipe
from mtl_lowres.errors import InputError
from mtl_lowres.files import replacing, write_json
from mtl_lowres.input_recipe import input_recipe
from mtl_lowres.model import MultiTaskModel
from mtl_lowres.serving.answers import task_labels
from mtl_lowres.serving.batches import blank_where_bad, for_any_batch
from mtl_lowres.serving.calibrated import calibrated_output
from mtl_lowres.serving.embedding import (
    embedding_function,
    embedding_label,
    embedding_width,
    verify_function,
)
from mtl_lowres.serving.encoded import EncodedFiles, flow_of, why_not_encoded
from mtl_lowres.serving.loop_free import without_short_loops
from mtl_lowres.serving.model_card import model_card
from mtl_lowres.serving.server_files import write_server_files
from mtl_lowres.serving.warmup import warmup_requests, write_warmup

# What an input is, by the rank of its shape.
_ITEMS = {2: "unit", 3: "image", 4: "clip"}


def export(
    model: MultiTaskModel,
    out_dir: str | Path,
    *,
    degrade: str | None = None,
    max_pixels: int = MAX_PIXELS,
    run: str | Path | None = None,
) -> Path:
    """Write a model as `out_dir/<version>/`, the layout of TensorFlow Serving.

    The signatures of a model of images are

    - `serving_default`: `images` float32 [n, h, w, 3] in [0, 1], at the size that the network
      sees (already at low resolution);
    - `image_bytes`: `image_bytes` string [n], encoded JPEG, PNG, BMP, GIF or .npy files of any
      and of differing sizes, which are decoded and degraded in the graph. Its extra output `ok`
      bool [n] is false for an item that cannot be decoded or has more than `max_pixels`; the
      answers of such an item are zeros and empty strings, and its neighbours are unaffected.

    Those of a model of clips of T frames are

    - `serving_default`: `clips` float32 [n, T, h, w, 3], likewise; [n, T, h, w, 5] where the
      model takes optical flow (see `parse_clip`);
    - `clip_bytes`: `clip_bytes` string [n, T], the frames of each clip as encoded files. `ok` is
      false for a clip with a frame that cannot be used. Which T frames of a video to send is the
      caller's choice; `labels.json` names the rule that the model was trained with. The flow of
      `farneback` is computed in the graph; with other flow there is no `clip_bytes`.

    A model of stored unit features has `serving_default` alone: `units` float32 [n, units, d].
    Where the signatures of encoded files are missing, `labels.json` says why under `left_out`.

    A task with classes answers `<task>_probabilities` float32 [n, classes], `<task>_class` int64
    [n] and `<task>_label` string [n]; age answers `<task>_years` float32 [n], and
    `<task>_std_years` where its method has a distribution; a task with an embedding answers
    `<task>_embedding` float32 [n, d]. `labels.json` beside the SavedModel names classes, recipe,
    sizes and the calibration. `assets.extra/tf_serving_warmup_requests` has the server answer each
    signature once before it calls the version ready. Nothing in it needs this package. A random
    recipe draws by the item's place in the request, and once for all frames of a clip. Recurrent
    layers of few steps are written out, which changes no answer and saves time (see
    `mtl_lowres.serving.loop_free`).

    Probabilities are at the model's calibrated temperature, if it has one: of encoded items that
    which holds for the shorter side of the image (of a clip, of its first frame), of float ones
    that which holds for the size that the network sees; see `mtl_lowres.serving.calibrated`.

    Who wants vectors only calls `embedding`: encoded items as above to `embedding` float32 [n, d]
    of length 1, zeros where `ok` bool [n] is false. Where a head embeds, it is the vector whose
    cosine `verify` compares: the head's embedding of the image and of its mirror image side by
    side, so that d is twice that of `<task>_embedding`, which is of the image alone and as the head
    gives it. Where no head embeds, it is the features of the trunk, of the image alone. Under
    `embedding`, `labels.json` says whose it is.

    A model with a calibrated threshold also has `verify`: it takes `first` and `second`, encoded as
    above, and answers whether each two show one person: `similarity` float32 [n], the cosine of
    both embeddings, `same` bool [n], whether it reaches the threshold that holds for the smaller of
    the two, and `ok` bool [n]. Where one of the two cannot be decoded, it answers 0 and false.

    Args:
        model: from `build_model` or `load_model`.
        out_dir: parent of the version folders; the next free number is taken.
        degrade: recipe for encoded files; default: the one the model was trained with.
        max_pixels: larger images or frames are refused before they are decoded.
        run: folder of the run that trained the model, or of the model in it, whose data and
            figures `model_card.md` tells.

    Returns:
        The version folder, which appears whole or not at all. Beside it are `models.config` and
        `batching.config` for the server.

    Raises:
        InputError: no recipe is known, it does not give the size that the network sees, one is
            given where encoded files cannot be read, a file of the run is damaged, or `out_dir` is
            a file.
    """
    left_out = why_not_encoded(model.description)
    files = None if left_out else _encoded_files(model, degrade, max_pixels)
    if left_out and degrade:
        raise InputError(f"degrade={degrade!r} is for encoded files, but {left_out}: leave it out")
    # Before the long way through the graphs, so that what cannot be used is told at once.
    version_dir = _next_version(Path(out_dir))
    card = model_card(model, run, files.recipe.text if files else None)
    module = _Served(without_short_loops(model), files)
    with replacing(version_dir) as temporary:
        tf.saved_model.save(module, str(temporary), signatures=module.functions)
        write_json(temporary / "labels.json", _labels(model, files, left_out))
        size = tuple(model.description["input_shape"][-3:-1]) if files else (1, 1)
        name = version_dir.parent.resolve().name
        write_warmup(temporary, name, warmup_requests(module.functions, size))
        (temporary / "model_card.md").write_text(card, encoding="utf-8")
    write_server_files(version_dir.parent)
    return version_dir


def _encoded_files(model: MultiTaskModel, degrade: str | None, max_pixels: int) -> EncodedFiles:
    """Return what reads encoded files for a model."""
    recipe = parse_recipe(input_recipe(model.description, degrade))
    shape = tuple(model.description["input_shape"])
    return EncodedFiles(recipe, shape, flow_of(model.description), max_pixels)


class _Served(tf.Module):
    """The variables and the functions of an exported model.

    Attributes:
        functions: by the name of their signature; without `files` only the one that takes floats.
    """

    def __init__(self, model: MultiTaskModel, files: EncodedFiles | None):
        super().__init__()
        # Only the variables are tracked: a tracked Keras model would be saved a second time, in
        # Keras's own format.
        self.model_variables = model.variables
        shape = tuple(model.description["input_shape"])
        item = _ITEMS[len(shape)]
        # Stored features have no size, and so no calibration by it.
        own_side = min(shape[-3:-1])

        def answer_floats(inputs):
            return _answers(model, inputs, tf.fill(tf.shape(inputs)[:1], own_side))

        def answer_encoded(contents):
            inputs, sides, ok = files.read(contents)
            answers = _answers(model, inputs, sides)
            return {name: blank_where_bad(value, ok) for name, value in answers.items()} | {
                "ok": ok
            }

        floats = tf.TensorSpec((None, *shape), tf.float32, name=f"{item}s")
        self.functions = {"serving_default": tf.function(answer_floats, input_signature=[floats])}
        if files is not None:
            name = f"{item}_bytes"
            self.functions[name] = tf.function(answer_encoded, input_signature=[files.spec(name)])
            self.functions["embedding"] = embedding_function(model, files, name)
            if verify := verify_function(model, files):
                self.functions["verify"] = verify


def _answers(model: MultiTaskModel, inputs: tf.Tensor, sides: tf.Tensor) -> dict[str, tf.Tensor]:
    """Return what every head serves for a batch, which may be empty, by `<task>_<suffix>`."""
    outputs = for_any_batch(lambda x: model(x, training=False), inputs)
    answers = {}
    for task, head in model.heads.items():
        served = head.serve(calibrated_output(model, task, outputs[task], sides))
        if head.classes is not None:
            names = model.class_names.get(task) or [str(index) for index in range(head.classes)]
            served["label"] = tf.gather(tf.constant(names), served["class"])
        answers |= {f"{task}_{suffix}": value for suffix, value in served.items()}
    return answers


def _labels(model: MultiTaskModel, files: EncodedFiles | None, left_out: str | None) -> dict:
    shape, clip = (model.description.get(name) for name in ("input_shape", "clip"))
    labels = {"degrade": files.recipe.text if files else model.description.get("degrade")}
    if len(shape) > 2:
        labels |= {"input_height": shape[-3], "input_width": shape[-2]}
    if len(shape) == 4:
        labels |= {"frames": shape[0], "clip": clip}
    elif len(shape) == 2:
        labels |= {"units": shape[0], "clip": clip}
    if left_out:
        encoded = "image_bytes" if len(shape) == 3 else "clip_bytes"
        labels["left_out"] = dict.fromkeys([encoded, "embedding"], left_out)
    else:
        labels["embedding"] = embedding_label(model)
    labels["tasks"] = task_labels(model)
    for task, label in labels["tasks"].items():
        if width := embedding_width(model, task):
            label["embedding"] = width
    if calibration := model.description.get("calibration"):
        labels["calibration"] = calibration
    return labels | {"versions": model.description["versions"]}


def _next_version(out_dir: Path) -> Path:
    if out_dir.is_file():
        raise InputError(f"{out_dir} is a file: name a folder for the versions of the model")
    taken = [int(p.name) for p in out_dir.glob("*") if p.name.isdecimal()]
    return out_dir / str(max(taken, default=0) + 1)
