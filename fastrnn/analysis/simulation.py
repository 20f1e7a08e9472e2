"""`simulate`: lets fitted networks act in an environment, one step at a time."""

import inspect
from dataclasses import dataclass

import numpy as np

from fastrnn.analysis.draws import Draws
from fastrnn.analysis.stepwise import Stepper
from fastrnn.arguments import as_integer
from fastrnn.data.allowed import as_mask, check_some
from fastrnn.training.sequences.one import as_fits
from fastrnn.training.sequences.outputs import states_of_sequences
from fastrnn.wording import counted


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
    allowed : bool array (M, sessions, T, K) or None
        The classes that were allowed at each step; None: all at all steps.
    """

    x: np.ndarray
    predictions: np.ndarray
    choices: np.ndarray
    states: np.ndarray | None
    allowed: np.ndarray | None = None

    def __repr__(self):
        models, sessions, steps = self.x.shape[:3]
        sizes = f"{counted(models, 'model')}, {counted(sessions, 'session')} of {counted(steps, 'step')}"
        return f"Simulation({sizes})"


def simulate(fits, environment, first, steps, *, sessions=1, seed=0, choose=None, initial=None,
             allowed=None):
    """Let fitted models act in an environment, step by step, in float64.

    A model's choices in a session depend only on its weights, the seed, the number of the session, and the environment.
    Models of different sizes are simulated size by size, with separate calls of the environment. Classes that are not
    allowed at a step have probability 0 and are never drawn; the probabilities of the others sum to 1.

    Parameters
    ----------
    fits : Fits or Fit
        M models.
    environment : function
        environment(choices, draws) returns the inputs of the next step, (M, sessions, I), or (I,) for all. `choices`
        are those of this step: class numbers (M, sessions), or (M, sessions, O) for heads of bits or reals.
        draws.uniform() and draws.normal() return random numbers (M, sessions). An environment with a memory must hold
        one state for each model and session. A function of one argument gets the choices alone. It may return a tuple
        (inputs, allowed): `allowed`, (M, sessions, K) or (K,) for all, is 1 where a class is allowed in that step,
        else 0. Inputs alone allow all classes.
    first : array (I,) or (M, sessions, I), or a tuple of it and `allowed`
        Inputs of the first step, as the environment returns those of the next ones.
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
    allowed : array (K,), (steps, K) or (M, sessions, steps, K), or None
        1 where a class is allowed, else 0, if this does not depend on the choices; None: as the environment says.

    Returns
    -------
    Simulation

    Raises
    ------
    ValueError, TypeError
        In one line, for wrong arguments, and for a step at which no class is allowed.
    """
    steps, sessions = as_integer("steps", steps, 1), as_integer("sessions", sessions, 1)
    seed = as_integer("seed", seed, 0)
    for name, function in (("environment", environment), ("choose", choose)):
        if not callable(function) and not (name == "choose" and function is None):
            raise TypeError(f"{name}: got {function!r}, expected a function")
    fits = as_fits(fits)
    choose = choose or CHOOSE[fits.head.targets]
    if initial is not None:
        initial = states_of_sequences(initial, len(fits), sessions)
        initial = np.broadcast_to(initial, (len(fits), *initial.shape[-2:]))
    if allowed is not None:
        allowed = _mask(fits.head, allowed, (len(fits), sessions, steps, _outputs(fits)))
    sizes = np.unique(fits.hidden_size)
    models = [np.flatnonzero(fits.hidden_size == size) for size in sizes]
    parts = []
    for own in models:
        states = Stepper(fits[own]).start(sessions, initial=None if initial is None else initial[own])
        given = None if allowed is None else allowed[own]
        parts.append(_simulated(fits[own], environment, _of_models(first, own), steps, seed, choose, states, given))
    order = np.argsort(np.concatenate(models))
    x, predictions, choices, masks = (np.concatenate(arrays)[order] for arrays in list(zip(*parts))[:4])
    return Simulation(x, predictions, choices, parts[0][4] if len(parts) == 1 else None, None if masks.all() else masks)


def _simulated(fits, environment, first, steps, seed, choose, states, given):
    """Return (x, predictions, choices, allowed, states) of models of one size; given: what is allowed at each step, or
    None: as the environment says."""
    stepper, takes, sessions = Stepper(fits), _arguments(environment), states.shape[1]
    draws = Draws(seed, [fits.weights(i) for i in range(len(fits))], sessions)
    shape, outputs, name = (stepper.models, sessions), _outputs(fits), "first"
    answer, kept = first, []
    for step in range(steps):
        inputs, mask = _parted(answer)
        inputs = _inputs(inputs, (*shape, stepper.inputs), name)
        if mask is not None and given is not None:
            raise ValueError(f"{name}: says what is allowed, as the argument allowed does: expected one of them")
        if mask is not None:
            mask = _mask(fits.head, mask, (*shape, outputs), step)
        elif given is not None:
            mask = given[:, :, step]
        after = stepper(states, inputs)
        z = stepper.outputs(states, after)
        predictions = fits.head.link(z) if mask is None else fits.head.link(z, mask)
        choices, states = np.asarray(choose(predictions, draws)), after
        if mask is not None:
            _check_choices(choices, mask, step)
        mask = np.ones((*shape, outputs), bool) if mask is None else mask
        kept.append((inputs, predictions, choices, mask, states))
        if step < steps - 1:
            answer, name = environment(choices, draws) if takes > 1 else environment(choices), "environment"
    return tuple(np.stack(values, 2) for values in zip(*kept))


def _outputs(fits):
    return len(fits.weights(0)["w_ho"])


def _parted(answer):
    """Return (inputs, allowed or None) of what an environment gives; a tuple of numbers is inputs."""
    if isinstance(answer, tuple) and len(answer) == 2 and hasattr(answer[0], "__len__"):
        return answer
    return answer, None


def _mask(head, allowed, shape, step=None):
    """Return which classes are allowed, bool of this shape, ([M,] sessions, [steps,] K); step: the one that it is for,
    or None: it is for all.

    Raises ValueError or TypeError for heads that forbid none, other shapes and values, and where none is allowed.
    """
    if head.targets != "classes":
        raise ValueError(f"allowed: the head {head.name} predicts {head.targets}, which are not classes")
    head.suited(True)
    axes = "(models, sessions, classes)" if step is not None else f"(models, sessions, steps, classes), {shape[-2:]}"
    dims = (1, 3) if step is not None else (1, 2, 4)
    values = _broadcast("allowed: got values", allowed, shape, f"{axes} or {shape[-1:]}", dims)
    mask = as_mask(values)

    def place(row):
        model, session, *own = np.unravel_index(row, shape[:-1])
        return f"step {own[0] if own else step} of model {model}, session {session}"

    check_some(mask.reshape(-1, shape[-1]), place, "allow all")
    return mask


def _check_choices(choices, mask, step):
    """Raise ValueError unless choices are numbers of allowed classes; those of a user's function may be others."""
    classes = mask.shape[-1]
    if choices.shape != mask.shape[:-1] or choices.dtype.kind not in "iu":
        raise ValueError(f"choose: got {choices.dtype} of shape {choices.shape}, expected class numbers "
                         f"{mask.shape[:-1]}")
    known = (choices >= 0) & (choices < classes)
    wrong = ~(known & np.take_along_axis(mask, np.where(known, choices, 0)[..., None], -1)[..., 0])
    if wrong.any():
        raise ValueError(f"choose: chose class {choices[wrong][0]} at step {step}, which is not allowed there")


def _draw_classes(p, draws):
    """Draw class numbers with probabilities p (M, sessions, K), never one of probability 0."""
    bounds = np.cumsum(p, -1)
    # Scaled by the sum, which rounding moves away from 1, a number in [0, 1) stays below the last bound.
    return (draws.uniform()[..., None] * bounds[..., -1:] >= bounds).sum(-1)


def _draw_bits(p, draws):
    """Draw bits with probabilities p (M, sessions, O)."""
    return np.stack([draws.uniform() < p[..., n] for n in range(p.shape[-1])], -1).astype(np.int64)


CHOOSE = {"classes": _draw_classes, "bits": _draw_bits, "reals": lambda z, draws: z}


def _inputs(values, shape, name):
    out = _broadcast(f"{name}: got inputs", values, shape, f"(models, sessions, inputs) or {shape[2:]}", (1, 3), float)
    if not np.isfinite(out).all():
        raise ValueError(f"{name}: gave inputs that are not finite")
    return out


def _of_models(first, chosen):
    """Return what the first step gets of these models."""
    def own(part):
        try:
            array = np.asarray(part)
        except ValueError:  # of lists that are no block; `_inputs` reports them
            return part
        return array[chosen] if array.ndim == 3 and len(array) > 1 else part

    inputs, allowed = _parted(first)
    return own(inputs) if allowed is None else (own(inputs), own(allowed))


def _broadcast(name, values, shape, axes, dims, dtype=None):
    """Return a copy of values in this shape; dims: how many axes they may have.

    Raises ValueError where they do not fit, or are masked.
    """
    if np.ma.is_masked(values):
        raise ValueError(f"{name} of a masked array, expected a plain array")
    try:
        values = np.asarray(values, dtype)
        # NumPy would spread one number for each session over all inputs.
        if values.ndim not in dims or values.shape[-1] != shape[-1]:
            raise ValueError
        return np.array(np.broadcast_to(values, shape))
    except (TypeError, ValueError):
        got = f"shape {values.shape}" if isinstance(values, np.ndarray) else f"{type(values).__name__}"
        raise ValueError(f"{name} of {got}, expected {shape}, {axes}") from None


def _arguments(function):
    try:
        inspect.signature(function).bind(None, None)
    except TypeError:
        return 1
    except ValueError:  # of a function that has no signature
        return 2
    return 2
