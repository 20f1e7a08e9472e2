"""Analysis of fitted networks: scores of predictions, phase portraits, gates, simulated behaviour, simple baselines.

    >>> from fastrnn import analysis
    >>> analysis.calibration(fits.predict(data)[0, :, 0], data.y[:, 0])
    >>> analysis.simulate(fits, bandit, first=[0, 0], steps=200)
"""

import importlib

_EXPORTS = {
    "baselines": (
        "Baseline",
        "baselines_in_folds",
        "baselines_of_each",
        "constant_baseline",
        "linear_baseline",
        "logistic_baseline",
        "ngram_baseline",
        "permutation_baseline",
        "persistence_baseline",
        "suitable_baselines",
    ),
    "pictures": (
        "plot_calibration",
        "plot_each",
        "plot_field",
        "plot_learning_curves",
        "plot_portrait",
        "plot_selection",
    ),
    "portrait": ("Portrait", "phase_portrait"),
    "scores": ("Calibration", "auc", "calibration", "confusion_matrix", "esr", "nmse", "normalised_likelihood"),
    "simulation": ("Simulation", "simulate"),
    "stepwise": ("Stepper", "gates"),
}
_HOME = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = sorted(_HOME)


# Each name is imported when first asked for: pictures and baselines need packages that the others do not.
def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    return value


def __dir__():
    return sorted({*globals(), *__all__})
