"""Training from narrow to wide: the widths at which a network is trained before the width of its task.

What a transducer has to learn does not depend on the width, but the cost of an update does; and a loss summed over
thousands of steps, all of them still wrong, is a poor guide. Y. Bengio, J. Louradour, R. Collobert and J. Weston,
"Curriculum learning", ICML 2009; for addition W. Zaremba and I. Sutskever, "Learning to execute", 2014.
"""

from dataclasses import dataclass

from fastrnn.arguments import as_integer


@dataclass(frozen=True)
class Curriculum:
    """Widths at which to train before that of the task: start, start * factor, start * factor**2, ...

    When the network is exact at the present width, training continues at the next width at which it is not; if it is
    exact at all of them, training ends.

    Parameters
    ----------
    start : int
        The first width, at least 1.
    factor : int
        At least 2.

    Raises
    ------
    ValueError, TypeError
        For values out of range.

    Examples
    --------
    >>> Curriculum(8, 4).widths(200)
    [8, 32, 128, 200]

    References
    ----------
    Y. Bengio, J. Louradour, R. Collobert and J. Weston, "Curriculum learning", ICML 2009. W. Zaremba and I. Sutskever,
    "Learning to execute", arXiv:1410.4615 (2014).
    """

    start: int = 8
    factor: int = 2

    def __post_init__(self):
        for name, least in (("start", 1), ("factor", 2)):
            object.__setattr__(self, name, as_integer(f"curriculum: {name}", getattr(self, name), least))

    def widths(self, bits):
        """Return the widths in ascending order.

        Parameters
        ----------
        bits : int
            The width of the task, the last one.

        Returns
        -------
        list of int
        """
        found, width = [], self.start
        while width < bits:
            found.append(width)
            width *= self.factor
        return [*found, bits]

    def __str__(self):
        return f"{self.start}:{self.factor}"

    @classmethod
    def parse(cls, text):
        """Read a text: START, START:FACTOR, or none.

        Parameters
        ----------
        text : str
            For example "8:2".

        Returns
        -------
        Curriculum or None

        Raises
        ------
        ValueError
            For any other text.
        """
        if text == "none":
            return None
        try:
            numbers = [int(part) for part in text.split(":")]
        except ValueError:
            numbers = []
        if len(numbers) not in (1, 2):
            raise ValueError(f"curriculum: got {text!r}, expected START, START:FACTOR or none, for example 8:2")
        return cls(*numbers)


def stages(task, curriculum):
    """Return the task at each of the widths, without those that are too narrow for it; without a curriculum, the task
    alone."""
    found = []
    for bits in curriculum.widths(task.bits)[:-1] if curriculum else ():
        try:
            found.append(task.at(bits))
        except ValueError:  # as for sums of 32 numbers in 4 bits
            continue
    return [*found, task]
