"""SavedModels that answer float images or clips and encoded files, in plain TensorFlow."""

from pathlib import Path

import tensorflow as tf

from mtl_lowres.data.decode import MAX_PIXELS, decode_image, tolerant_map
from mtl_lowres.data.degrade import Recipe, parse_recipe, sample_seed
from mtl_lowres.errors import InputError
from mtl_lowres.files import replacing, write_json
from mtl_lowres.model import MultiTaskModel


def export(
    model: MultiTaskModel,
    out_dir: str | Path,
    *,
    degrade: str | None = None,
    max_pixels: int = MAX_PIXELS,
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

    - `serving_default`: `clips` float32 [n, T, h, w, 3], likewise;
    - `clip_bytes`: `clip_bytes` string [n, T], the frames of each clip as encoded files. `ok` is
      false for a clip with a frame that cannot be used. Which T frames of a video to send is the
      caller's choice; `labels.json` names the rule that the model was trained with.

    A task with classes answers `<task>_probabilities` float32 [n, classes], `<task>_class` int64
    [n] and `<task>_label` string [n]; age answers `<task>_years` float32 [n], and
    `<task>_std_years` where its method has a distribution. `labels.json` beside the SavedModel
    names classes, recipe and sizes. Nothing in it needs this package. A random recipe draws by the
    item's place in the request, and once for all frames of a clip.

    Args:
        model: from `build_model` or `load_model`.
        out_dir: parent of the version folders; the next free number is taken.
        degrade: recipe for encoded files; default: the one the model was trained with.
        max_pixels: larger images or frames are refused before they are decoded.

    Returns:
        The version folder. It appears whole or not at all.

    Raises:
        InputError: no recipe is known, or it does not give the size that the network sees.
    """
    text = degrade or model.description.get("degrade")
    if not text:
        raise InputError("the model knows no degradation recipe: name one, such as 'area(16)'")
    recipe = parse_recipe(text)
    size = tuple(model.description["input_shape"][-3:-1])
    if recipe.output_size(None, None) != size:
        raise InputError(
            f"the recipe {recipe.text!r} gives images of {recipe.output_size(None, None)}, but the "
            f"network takes {size}"
        )
    module = _Served(model, recipe, max_pixels)
    version_dir = _next_version(Path(out_dir))
    with replacing(version_dir) as temporary:
        tf.saved_model.save(
            module,
            str(temporary),
            signatures={"serving_default": module.floats, module.encoded_name: module.encoded},
        )
        write_json(temporary / "labels.json", _labels(model, recipe, size))
    return version_dir


class _Served(tf.Module):
    """The variables and the two functions of an exported model."""

    def __init__(self, model: MultiTaskModel, recipe: Recipe, max_pixels: int):
        super().__init__()
        # Only the variables are tracked: a tracked Keras model would be saved a second time, in
        # Keras's own format.
        self.model_variables = model.variables
        shape = tuple(model.description["input_shape"])
        item = "clip" if len(shape) == 4 else "image"
        self.encoded_name = f"{item}_bytes"

        def degraded(contents, seed):
            return recipe(decode_image(contents, max_pixels=max_pixels), seed)

        def read(item):
            contents, position = item
            seed = sample_seed(0, 0, position)
            if contents.shape.rank == 0:
                return degraded(contents, seed)
            # One frame after the other, so that only one is in memory at its full size.
            spec = tf.TensorSpec(shape[1:], tf.float32)
            return tf.map_fn(
                lambda frame: degraded(frame, seed),
                contents,
                fn_output_signature=spec,
                parallel_iterations=1,
            )

        def answer_encoded(contents):
            images, ok = tolerant_map(read, (contents, tf.range(tf.shape(contents)[0])), shape)
            answers = _answers(model, images)
            return {name: _blank_where_bad(value, ok) for name, value in answers.items()} | {
                "ok": ok
            }

        floats = tf.TensorSpec((None, *shape), tf.float32, name=f"{item}s")
        encoded = tf.TensorSpec((None, *shape[:-3]), tf.string, name=self.encoded_name)
        self.floats = tf.function(lambda x: _answers(model, x), input_signature=[floats])
        self.encoded = tf.function(answer_encoded, input_signature=[encoded])


def _answers(model: MultiTaskModel, inputs: tf.Tensor) -> dict[str, tf.Tensor]:
    """Return what every head serves for a batch, which may be empty, by `<task>_<suffix>`."""
    count = tf.shape(inputs)[0]
    # oneDNN's convolutions fail on an empty batch: it becomes one blank sample for them.
    blank = tf.zeros([1, *inputs.shape[1:]])
    outputs = model(tf.cond(count > 0, lambda: inputs, lambda: blank), training=False)
    answers = {}
    for task, head in model.heads.items():
        served = head.serve(outputs[task][:count])
        if head.classes is not None:
            names = model.class_names.get(task) or [str(index) for index in range(head.classes)]
            served["label"] = tf.gather(tf.constant(names), served["class"])
        answers |= {f"{task}_{suffix}": value for suffix, value in served.items()}
    return answers


def _blank_where_bad(value: tf.Tensor, ok: tf.Tensor) -> tf.Tensor:
    """Return `value` with zeros or empty strings for the items that are not ok."""
    mask = tf.reshape(ok, [-1] + [1] * (value.shape.rank - 1))
    blank = tf.constant("" if value.dtype == tf.string else 0, value.dtype)
    return tf.where(mask, value, blank)


def _labels(model: MultiTaskModel, recipe: Recipe, size: tuple[int, int]) -> dict:
    shape = model.description["input_shape"]
    labels = {"degrade": recipe.text, "input_height": size[0], "input_width": size[1]}
    if len(shape) == 4:
        labels |= {"frames": shape[0], "clip": model.description.get("clip")}
    labels["tasks"] = {
        task: {"unit": head.unit}
        if head.classes is None
        else {"classes": model.class_names.get(task)}
        for task, head in model.heads.items()
    }
    return labels | {"versions": model.description["versions"]}


def _next_version(out_dir: Path) -> Path:
    taken = [int(p.name) for p in out_dir.glob("*") if p.name.isdigit()]
    return out_dir / str(max(taken, default=0) + 1)
