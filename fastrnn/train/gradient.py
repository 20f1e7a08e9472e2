"""One gradient on the user's own arrays, for comparison with other frameworks."""

import numpy as np

from fastrnn.model import check_model
from fastrnn.train.config import TrainConfig
from fastrnn.train.data import as_arrays, sequences
from fastrnn.train.session import session_for


def loss_and_grad(model, x, y, mask=None, *, loss="squared", reduction="sum", truncate=None):
    """(loss, {name: gradient}) of a Model on x (batch, time, input) and y (batch, time, output).

    The loss is summed over batch, time and outputs, times mask (batch, time) if given; with reduction="mean"
    both are divided by the batch size. truncate: no gradient flows from a segment of this many steps into the one
    before it; states do. Gradients have the shapes and dtype of the weights; nothing is modified.
    Raises ValueError for shapes that do not fit, values that are not finite, or an unknown loss.
    """
    check_model("model", model)
    dtype = str(model.dtype)
    arrays = as_arrays(*sequences((x, y, mask)), dtype=model.dtype, drawn=False)
    for name, array, size in (("x", arrays.x, model.input_size), ("y", arrays.y, model.output_size)):
        if array.shape[2] != size:
            raise ValueError(f"{name}: got {array.shape[2]} features, the model has {size}")
    batch = len(arrays.x)
    config = TrainConfig(loss=loss, batch_size=batch, reduction=reduction, truncate=truncate, dtype=dtype)
    session = session_for(
        model.cell, (model.input_size, model.output_size), arrays, arrays.x.shape[1], config, 1, model.weights
    )
    gradients, statistics = session.gradient()
    scale = 1 / batch if reduction == "mean" else 1.0
    return float(statistics[0] * scale), {name: (g * np.asarray(scale, g.dtype)) for name, g in gradients.items()}
