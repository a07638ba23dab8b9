"""SavedModels that answer float images and encoded image files, in plain TensorFlow."""

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

    The signatures are

    - `serving_default`: `images` float32 [n, h, w, 3] in [0, 1], at the size that the network
      sees (already at low resolution);
    - `image_bytes`: `image_bytes` string [n], encoded JPEG, PNG, BMP, GIF or .npy files of any
      and of differing sizes, which are decoded and degraded in the graph. Its extra output `ok`
      bool [n] is false for an item that cannot be decoded or has more than `max_pixels`; the
      answers of such an item are zeros and empty strings, and its neighbours are unaffected.

    Each task answers `<task>_probabilities` float32 [n, classes], `<task>_class` int64 [n] and
    `<task>_label` string [n]. `labels.json` beside the SavedModel names classes, recipe and sizes.
    Nothing in it needs this package. A random recipe draws by the item's place in the request.

    Args:
        model: from `build_model` or `load_model`.
        out_dir: parent of the version folders; the next free number is taken.
        degrade: recipe for `image_bytes`; default: the one the model was trained with.
        max_pixels: larger images are refused before they are decoded.

    Returns:
        The version folder. It appears whole or not at all.

    Raises:
        InputError: no recipe is known, or it does not give the size that the network sees.
    """
    text = degrade or model.description.get("degrade")
    if not text:
        raise InputError("the model knows no degradation recipe: name one, such as 'area(16)'")
    recipe = parse_recipe(text)
    size = tuple(model.description["input_shape"][:2])
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
            signatures={"serving_default": module.images, "image_bytes": module.image_bytes},
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
        names = {task: model.class_names.get(task) for task in model.heads}

        def answer(images, ok=None):
            count = tf.shape(images)[0]
            # oneDNN's convolutions fail on an empty batch: it becomes one blank image for them.
            blank = tf.zeros([1, *shape])
            outputs = model(tf.cond(count > 0, lambda: images, lambda: blank), training=False)
            answers = {}
            for task, head in model.heads.items():
                served = head.serve(outputs[task][:count])
                index = served["class"]
                if names[task]:
                    served["label"] = tf.gather(tf.constant(names[task]), index)
                else:
                    served["label"] = tf.strings.as_string(index)
                answers |= {f"{task}_{suffix}": value for suffix, value in served.items()}
            if ok is not None:
                answers = {name: _blank_where_bad(value, ok) for name, value in answers.items()}
                answers["ok"] = ok
            return answers

        def read(item):
            contents, position = item
            image = decode_image(contents, max_pixels=max_pixels)
            return recipe(image, sample_seed(0, 0, position))

        def answer_bytes(image_bytes):
            positions = tf.range(tf.size(image_bytes))
            images, ok = tolerant_map(read, (image_bytes, positions), shape)
            return answer(images, ok)

        self.images = tf.function(
            lambda images: answer(images),
            input_signature=[tf.TensorSpec((None, *shape), tf.float32, name="images")],
        )
        self.image_bytes = tf.function(
            answer_bytes,
            input_signature=[tf.TensorSpec((None,), tf.string, name="image_bytes")],
        )


def _blank_where_bad(value: tf.Tensor, ok: tf.Tensor) -> tf.Tensor:
    """Return `value` with zeros or empty strings for the items that are not ok."""
    mask = tf.reshape(ok, [-1] + [1] * (value.shape.rank - 1))
    blank = tf.constant("" if value.dtype == tf.string else 0, value.dtype)
    return tf.where(mask, value, blank)


def _labels(model: MultiTaskModel, recipe: Recipe, size: tuple[int, int]) -> dict:
    return {
        "degrade": recipe.text,
        "input_height": size[0],
        "input_width": size[1],
        "tasks": {task: {"classes": model.class_names.get(task)} for task in model.heads},
        "versions": model.description["versions"],
    }


def _next_version(out_dir: Path) -> Path:
    taken = [int(p.name) for p in out_dir.glob("*") if p.name.isdigit()]
    return out_dir / str(max(taken, default=0) + 1)
