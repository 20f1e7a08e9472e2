"""`simulate`: fitted networks that act in an environment, one step at a time."""

from dataclasses import dataclass

import numpy as np

from fastrnn.analysis.draws import Draws
from fastrnn.analysis.stepwise import Stepper
from fastrnn.arguments import as_integer
from fastrnn.training.one import as_fits
from fastrnn.training.outputs import states_of_sequences


@dataclass(frozen=True, eq=False)
class Simulation:
    """The steps of M models in T steps of some sessions, in the order of the Fits.

    x (M, sessions, T, I): inputs of each step; predictions (M, sessions, T, O): probabilities or real values; choices
    (M, sessions, T) int64 class numbers, or of other heads (M, sessions, T, O): bits (int64) or real values; states
    (M, sessions, T, states * H): after each step, all states of the cell one after the other; None where sizes differ.
    """

    x: np.ndarray
    predictions: np.ndarray
    choices: np.ndarray
    states: np.ndarray | None

    def __repr__(self):
        models, sessions, steps = self.x.shape[:3]
        return f"Simulation({models:,} models, {sessions:,} sessions of {steps:,} steps)"


def simulate(fits, environment, first, steps, *, sessions=1, seed=0, choose=None, initial=None):
    """Let each model of Fits (or a Fit) act in `sessions` sessions of `steps` steps, and return the Simulation.

    environment(choices, draws): inputs (M, sessions, I) of the next step, or (I,) for all, from the choices of this
    one, (M, sessions) class numbers, or (M, sessions, O) for heads of bits or reals; draws.uniform() and draws.normal()
    give random numbers (M, sessions). An environment with a memory must work with arrays of this shape, and hold one
    state for each. A function that takes one argument is called with the choices alone. first: inputs of the first
    step, (I,) or (M, sessions, I). choose(predictions, draws): the choices; None: drawn from the predicted
    probabilities, or the predicted real values themselves. seed: an integer of at least 0. initial: (sessions, W) or
    (M, sessions, W), the states before the first step, as `predict` returns them with return_states; None: the models'
    own.

    Models of different sizes are simulated size by size, with one call of the environment for each size. The
    choices of a model in a session depend on its weights, the seed and the number of the session alone, as far as this
    holds for the environment. Computed in float64. Raises ValueError or TypeError, in one line, for wrong arguments.
    """
    steps, sessions, seed = (
        as_integer(name, value, least)
        for name, value, least in (("steps", steps, 1), ("sessions", sessions, 1), ("seed", seed, 0))
    )
    for name, function in (("environment", environment), ("choose", choose)):
        if not callable(function) and not (name == "choose" and function is None):
            raise TypeError(f"{name}: got {function!r}, expected a function")
    fits = as_fits(fits)
    choose = choose or CHOOSE[fits.head.targets]
    if initial is not None:
        initial = states_of_sequences(initial, len(fits), sessions)
        initial = np.broadcast_to(initial, (len(fits), *initial.shape[-2:]))
    sizes = np.unique(fits.hidden_size)
    models = [np.flatnonzero(fits.hidden_size == size) for size in sizes]
    parts = [
        _simulated(
            fits[own],
            environment,
            _of_models(first, own),
            steps,
            seed,
            choose,
            Stepper(fits[own]).start(sessions, initial=None if initial is None else initial[own]),
        )
        for own in models
    ]
    order = np.argsort(np.concatenate(models))
    x, predictions, choices = (np.concatenate(arrays)[order] for arrays in list(zip(*parts))[:3])
    return Simulation(x, predictions, choices, parts[0][3] if len(parts) == 1 else None)


def _simulated(fits, environment, first, steps, seed, choose, states):
    """(x, predictions, choices, states) of models of one size."""
    stepper, takes, sessions = Stepper(fits), _arguments(environment), states.shape[1]
    draws = Draws(seed, [fits.weights(i) for i in range(len(fits))], sessions)
    inputs, kept = first, ([], [], [], [])
    for step in range(steps):
        inputs = _inputs(inputs, (stepper.models, sessions, stepper.inputs), "first" if step == 0 else "environment")
        after = stepper(states, inputs)
        predictions = fits.head.link(stepper.outputs(states, after))
        choices, states = np.asarray(choose(predictions, draws)), after
        for list_, value in zip(kept, (inputs, predictions, choices, states)):
            list_.append(value)
        if step < steps - 1:
            inputs = environment(choices, draws) if takes > 1 else environment(choices)
    return tuple(np.stack(values, 2) for values in kept)


def _draw_classes(p, draws):
    """Class numbers with probabilities p (M, sessions, K)."""
    return (draws.uniform()[..., None] > np.cumsum(p[..., :-1], -1)).sum(-1)


def _draw_bits(p, draws):
    """Bits with probabilities p (M, sessions, O)."""
    return np.stack([draws.uniform() < p[..., n] for n in range(p.shape[-1])], -1).astype(np.int64)


CHOOSE = {"classes": _draw_classes, "bits": _draw_bits, "reals": lambda z, draws: z}


def _inputs(values, shape, name):
    try:
        values = np.asarray(values, float)
        out = np.array(np.broadcast_to(values, shape))
    except (TypeError, ValueError):
        got = f"shape {values.shape}" if isinstance(values, np.ndarray) else f"{type(values).__name__}"
        raise ValueError(
            f"{name}: got inputs of {got}, expected {shape}, (models, sessions, inputs), or " f"{shape[2:]}"
        ) from None
    if not np.isfinite(out).all():
        raise ValueError(f"{name}: gave inputs that are no finite numbers")
    return out


def _of_models(first, chosen):
    """The first inputs of these models."""
    array = np.asarray(first, float)
    return array[chosen] if array.ndim == 3 and len(array) > 1 else array


def _arguments(function):
    import inspect

    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return 1
    except ValueError:  # of a function that has no signature
        return 2
    return 2
