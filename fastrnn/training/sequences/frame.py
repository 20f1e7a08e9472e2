"""The words and the arrays that a Program reads."""

from fastrnn.kernels.recurrent.decide import CRITERIA, PROGRESS, ROLE_SUMS
from fastrnn.kernels.recurrent.frame import vectors_of
from fastrnn.kernels.workspace import aligned_zeros


class Frame:
    """frame: int64 words of a Program, one for each of its names; arrays: {name: array} that words point to."""

    def __init__(self, program, dtype):
        self.program, self.frame, self.arrays, self._dtype = program, program.frame(), {}, dtype

    def set_words(self, **words):
        """Set words of the frame."""
        self.program.set_words(self.frame, **words)

    def allocate(self, name, shape):
        """Give the kernels an array of zeros."""
        self.take_array(name, aligned_zeros(shape, self._dtype))

    def take_array(self, name, array):
        """Give the kernels an array."""
        self.arrays[name] = array
        self.set_words(**{name: array})


def group_shapes(recipe, slots, evaluations):
    """Return {name: shape} of the arrays of a group of models; evaluations: of one call, at most."""
    lanes, optimizer = recipe.lanes, recipe.optimizer
    # Numbers of one model are updated a vector at a time.
    rows = recipe.rows if recipe.net.own_weights else -(-recipe.rows // lanes) * lanes
    return {
        "theta": (rows, slots),
        "gradient": of_parts(recipe, recipe.rows, 1),
        "best": (rows, slots),
        "slots": (len(optimizer.slots), rows, slots),
        "flags": (3, rows),
        "options": (len(recipe.options), slots),
        "running": (max(1, len(optimizer.running)), slots),
        "factor": (1, slots),
        "criteria": (len(CRITERIA), slots),
        "sums": of_parts(recipe, ROLE_SUMS, 1),
        "norm": (lanes, slots),
        "active": (1, lanes),
        "progress": (len(PROGRESS), lanes),
        "history": (evaluations, ROLE_SUMS, lanes),
    }


def of_parts(recipe, numbers, parts):
    """Return the shape of this many numbers of each model, for each part of an update."""
    return parts, vectors_of(recipe.net, numbers, recipe.lanes), recipe.lanes
