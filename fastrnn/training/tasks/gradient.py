"""One gradient on the user's own arrays, for comparison with other frameworks."""

import numpy as np

from fastrnn.model import check_model
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.data import as_arrays, sequences
from fastrnn.training.tasks.small_session import session_for


def loss_and_grad(model, x, y, mask=None, *, loss="squared", reduction="sum", tbptt_steps=None):
    """Return the loss of a Model on arrays, and its gradient.

    The loss is the sum over batch, time and outputs of the losses of single outputs.

    Parameters
    ----------
    model : Model
        The network; it is not changed.
    x : array (batch, time, inputs)
        Inputs.
    y : array (batch, time, outputs)
        Targets, from 0 to 1.
    mask : array (batch, time) or None
        Factors on the loss of each step.
    loss : "squared" or "cross-entropy"
        The loss of one output.
    reduction : "sum" or "mean"
        "mean": loss and gradient are divided by the batch size.
    tbptt_steps : int or None
        Gradients do not pass from one segment of this many steps to the one before it; states do. None: all steps.

    Returns
    -------
    (float, dict)
        The loss, and {name: array} of the gradient, in the shapes and the dtype of the weights.

    Raises
    ------
    ValueError
        For shapes that do not match, values that are not finite, or an unknown loss.
    """
    check_model("model", model)
    dtype = str(model.dtype)
    arrays = as_arrays(*sequences((x, y, mask)), dtype=model.dtype, drawn=0)
    for name, array, size in (("x", arrays.x, model.input_size), ("y", arrays.y, model.output_size)):
        if array.shape[2] != size:
            raise ValueError(f"{name}: got {array.shape[2]} features, the model has {size}")
    batch = len(arrays.x)
    config = TrainConfig(loss=loss, batch_size=batch, reduction=reduction, tbptt_steps=tbptt_steps, dtype=dtype)
    session = session_for(
        model.cell, (model.input_size, model.output_size), arrays, arrays.x.shape[1], config, 1, model.weights
    )
    gradients, statistics = session.gradient()
    scale = 1 / batch if reduction == "mean" else 1.0
    return float(statistics[0] * scale), {name: (g * np.asarray(scale, g.dtype)) for name, g in gradients.items()}
