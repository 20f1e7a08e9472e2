"""`simulate`: lets fitted networks act in an environment, one step at a time."""

from dataclasses import dataclass

import numpy as np

from fastrnn.analysis.draws import Draws
from fastrnn.analysis.stepwise import Stepper
from fastrnn.arguments import as_integer
from fastrnn.training.sequences.one import as_fits
from fastrnn.training.sequences.outputs import states_of_sequences


@dataclass(frozen=True, eq=False)
class Simulation:
    """The actions of M models in sessions of T steps, in the order of the Fits.

    Attributes
    ----------
    x : float64 array (M, sessions, T, I)
        The inputs of each step.
    predictions : float64 array (M, sessions, T, O)
        Probabilities or real values.
    choices : array (M, sessions, T) or (M, sessions, T, O)
        Class numbers (int64); for other heads, bits (int64) or real values (float64) of each output.
    states : float64 array (M, sessions, T, W) or None
        After each step, all states of the cell one after the other; None if the models have different sizes.
    """

    x: np.ndarray
    predictions: np.ndarray
    choices: np.ndarray
    states: np.ndarray | None

    def __repr__(self):
        models, sessions, steps = self.x.shape[:3]
        return f"Simulation({models:,} models, {sessions:,} sessions of {steps:,} steps)"


def simulate(fits, environment, first, steps, *, sessions=1, seed=0, choose=None, initial=None):
    """Let fitted models act in an environment, step by step, in float64.

    A model's choices in a session depend only on its weights, the seed, the number of the session, and the environment.
    Models of different sizes are simulated size by size, with separate calls of the environment.

    Parameters
    ----------
    fits : Fits or Fit
        M models.
    environment : function
        environment(choices, draws) returns the inputs of the next step, (M, sessions, I), or (I,) for all. `choices`
        are those of this step: class numbers (M, sessions), or (M, sessions, O) for heads of bits or reals.
        draws.uniform() and draws.normal() return random numbers (M, sessions). An environment with a memory must hold
        one state for each model and session. A function of one argument gets the choices alone.
    first : array (I,) or (M, sessions, I)
        Inputs of the first step.
    steps : int
        Steps of each session.
    sessions : int
        Sessions of each model.
    seed : int
        At least 0.
    choose : function or None
        choose(predictions, draws) returns the choices. None: classes and bits are drawn from the predicted
        probabilities, and real values are the predictions themselves.
    initial : array (sessions, W) or (M, sessions, W), or None
        States before the first step, as `predict` returns them with return_states; None: the models' own.

    Returns
    -------
    Simulation

    Raises
    ------
    ValueError, TypeError
        In one line, for wrong arguments.
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
    """Return (x, predictions, choices, states) of models of one size."""
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
    """Draw class numbers with probabilities p (M, sessions, K)."""
    return (draws.uniform()[..., None] > np.cumsum(p[..., :-1], -1)).sum(-1)


def _draw_bits(p, draws):
    """Draw bits with probabilities p (M, sessions, O)."""
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
        raise ValueError(f"{name}: gave inputs that are not finite")
    return out


def _of_models(first, chosen):
    """Return the first inputs of these models."""
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
