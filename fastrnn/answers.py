"""Applies networks of tasks to bits and to integers."""


from fastrnn.arguments import is_integer
from fastrnn.bits.planes import Digits
from fastrnn.bits.stream import Stream

# Steps of time in one piece of a long sum, a multiple of 8: its bit planes stay in the second-level cache.
ANSWER_STEPS = 1 << 13


class Answers:
    """The answers of a task's network; the base class of Model."""

    def stream(self, samples, threads=None):
        """Start to run the network on bits, segment by segment in time.

        Parameters
        ----------
        samples : int
            The number of sequences.
        threads : int or None
            The number of threads at most; None: all cores.

        Returns
        -------
        fastrnn.bits.stream.Stream
        """
        return Stream(self, samples, threads)

    def run_bits(self, words, samples, threads=None, last_only=False):
        """Run the network on bits that are packed into 64-bit words.

        Memory does not grow with the number of steps T, apart from the arrays themselves.

        Parameters
        ----------
        words : uint64 array (W, T, I)
            Inputs; sample i is bit i % 64 of word i // 64.
        samples : int
            The number of samples, at most 64 W.
        threads : int or None
            The number of threads at most; None: all cores.
        last_only : bool
            Whether margins are those of the last step alone.

        Returns
        -------
        (uint64 array (W, T, O), array (samples,))
            The outputs as bits, and the margin of each sample: the smallest |z| over steps and outputs.
        """
        stream = self.stream(samples, threads)
        return stream.run(words, words.shape[1] - 1 if last_only else 0), stream.margins

    def add(self, *operands):
        """Return the network's answer to the sum of non-negative ints of any size.

        It runs for as many steps as the true sum has bits, at least one; memory is that of the numbers themselves.

        Parameters
        ----------
        *operands : int
            As many as the model has inputs.

        Returns
        -------
        int

        Raises
        ------
        TypeError
            For operands that are not ints.
        ValueError
            For negative operands, a wrong number of them, or a model that was not trained on addition.
        """
        return self.add_many([operands])[0]

    def add_many(self, sums):
        """Return the network's answers to many sums, computed side by side.

        Parameters
        ----------
        sums : iterable of tuples of int
            The operands of each sum.

        Returns
        -------
        list of int

        Raises
        ------
        TypeError, ValueError
            As for `add`.
        """
        if self.task is None or self.task.name != "addition":
            other = f"{self.task.name}, not on addition; `run` answers it" if self.task else "arrays, not on addition"
            raise ValueError(f"add: this model was trained on {other}")
        sums = [tuple(operands) for operands in sums]
        for operands in sums:
            check_operands(operands, self.input_size, "adds")
        if not sums:
            return []
        # NumPy's integers would overflow.
        sums = [tuple(map(int, operands)) for operands in sums]
        steps = [max(1, sum(operands).bit_length()) for operands in sums]
        # What a short sum's network says after its last step is no part of the answer.
        return [answer & ((1 << own) - 1) for answer, own in zip(self._answers(sums, max(steps)), steps)]

    def run(self, *operands, bits=None):
        """Return the network's answer to its task on non-negative ints; the task's oracle gives the right answer.

        Parameters
        ----------
        *operands : int
            As many as the task has inputs.
        bits : int or None
            The width; None: the task's own, or wider if the operands need it.

        Returns
        -------
        int

        Raises
        ------
        TypeError
            For operands that are not ints.
        ValueError
            For negative operands, operands too large for `bits`, a wrong number of them, or a model without a task.
        """
        if self.task is None:
            raise ValueError("run: this model was trained on arrays, so there is no task to run")
        check_operands(operands, self.input_size, "takes")
        operands = tuple(map(int, operands))
        task = self.task.at(self.task.width(operands) if bits is None else bits)
        longest = max(operand.bit_length() for operand in operands)
        if longest > task.free_bits:
            raise ValueError(
                f"operand: got one of {longest} bits, expected at most {task.free_bits} in a width of {task.bits}"
            )
        (answer,) = self._answers([operands], task.bits)
        return answer >> task.bits - 1 if task.last_only else answer

    def _answers(self, samples, width):
        """Return the outputs as ints, after `width` steps on tuples of ints."""
        stream = self.stream(len(samples))
        given, answers = Digits.of(samples, width), Digits(len(samples), 1, width)
        for start in range(0, width, ANSWER_STEPS):
            answers.put(start, stream.run(given.planes(start, min(width, start + ANSWER_STEPS))))
        return [answer for answer, in answers.ints()]


def check_operands(operands, count, does):
    """Raise an error unless `operands` are `count` non-negative Python ints; `does` says what the model does with them.
    """
    if len(operands) != count:
        raise ValueError(f"operands: got {len(operands)}, this model {does} {count}")
    for operand in operands:
        if not is_integer(operand):
            raise TypeError(f"operand: got {operand!r}, expected a non-negative int")
        if operand < 0:
            raise ValueError(f"operand: got {operand}, expected a non-negative int")
