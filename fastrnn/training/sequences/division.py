"""How the sequences of the data are divided for a model: which it has, and their roles."""

import numpy as np

from fastrnn.kernels.recurrent.decide import ROLES


class Division:
    """The sequences of a model; models of equal ones share one object.

    roles (n,): of its own sequences; sequences (n,): their numbers, or None: all of the data. weight, steps (3,)
    float64: the summed weight and the counted steps of the sequences of each role, of those of each sequence (N,).
    """

    def __init__(self, roles, sequences, weight, steps):
        self.roles = roles
        self.sequences = np.arange(len(roles)) if sequences is None else sequences
        self.weight, self.steps = self.sums(weight), self.sums(steps)

    def of_role(self, role):
        """Return the numbers of the sequences of a role."""
        return self.sequences[self.roles == role]

    def sums(self, values):
        """Return (3,) sums of values (N,) over the sequences of each role."""
        own = values[self.sequences]
        # One by one, so that a sum depends only on its own summands.
        return np.array([own[self.roles == role].sum() for role in range(ROLES)])


def divisions_of(roles, owned, models, weight, steps):
    """Return the Division of each of these models.

    roles (N,) or (M, N); owned: the numbers of the sequences of each value of a group, which models have in turn, or
    None; weight, steps (N,): of each sequence.
    """
    if owned is not None:
        distinct = [Division(roles[own], own, weight, steps) for own in owned]
        return [distinct[model % len(owned)] for model in models.tolist()]
    if roles.ndim == 1:
        return [Division(roles, None, weight, steps)] * len(models)
    known, found = {}, []
    for row in roles[models]:
        key = row.tobytes()
        if key not in known:
            known[key] = Division(row, None, weight, steps)
        found.append(known[key])
    return found


def alike(divisions):
    """Return the order of models in which those of one Division come together, and those that train longest first.

    Then sequences that no lane needs can be left out, lanes side by side train for about as long, and at the end no
    thread waits long for another one. divisions: of each model.
    """
    place = {division: n for n, division in enumerate(dict.fromkeys(divisions))}
    keys = np.array([(-division.steps[0], place[division]) for division in divisions])
    return np.lexsort((keys[:, 1], keys[:, 0]))


def means_of(sums, divisions, counts):
    """Return (E, 2, 3) float64: mean loss and share of correct steps at each evaluation; nan where no step counts.

    sums (E, 6): of evaluations of several models, one model after the other; divisions: of each model; counts: its
    evaluations.
    """
    divisors = np.array([(division.weight, division.steps) for division in divisions]).reshape(-1, 2, ROLES)
    divisors = np.repeat(divisors, counts, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(divisors > 0, sums.astype(float).reshape(-1, 2, ROLES) / divisors, np.nan)
