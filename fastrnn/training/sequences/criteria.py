"""What decides on a model: rows of the kernels' `criteria` and `progress` (fastrnn.kernels.recurrent.decide)."""

import numpy as np

from fastrnn.kernels.recurrent.decide import BEGINNING, CRITERIA, PROGRESS, ROLES

# The progress of a model that waits, as a column.
FIRST_PROGRESS = np.array([[BEGINNING.get(name, 0.0)] for name in PROGRESS])


def criteria_of(division, config):
    """Return [number of CRITERIA] of models with a Division; the first is one over the weight of what they train on."""
    weight = division.weight
    scale = np.divide(1, weight, out=np.zeros(ROLES), where=weight > 0)
    criteria = {
        "train_scale": scale[0],
        "validation_scale": scale[1],
        "patience": config.patience if config.patience is not None and weight[1] > 0 else np.inf,
        "min_delta": config.min_delta,
        "limit": config.limit,
        "plateau_patience": config.plateau_patience,
        "plateau_factor": config.plateau_factor,
    }
    return [criteria[name] for name in CRITERIA]
