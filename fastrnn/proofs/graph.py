"""The graphs of proofs: each node has a state of the task, and a successor for each symbol.

A graph is a machine that does the task, with as many states more than it needs as it takes to say where the hidden
states are. `windows` knows the last k inputs; `own_machine` knows what the network itself remembers.
"""

import numpy as np

from fastrnn.proofs.network import Float64Network


class Arrivals:
    """Steps (R, S) from rows, sorted by the node to which they lead.

    order: of the steps; reached: the nodes; firsts: where in the order the steps to each begin.
    """

    def __init__(self, following):
        targets = following.reshape(-1)
        self.order = np.argsort(targets, kind="stable")
        self.reached, self.firsts = np.unique(targets[self.order], return_index=True)


class Graph:
    """N nodes, the first of which is the zero state before any input.

    following (N, S): the node after each symbol; state (N): the task's state there; labels (N, O): +1 or -1, the side
    of zero on which the logits of the step that led there must lie, and 0 for the first node, to which no step leads.
    levels: [(nodes before, symbols, nodes)], a shortest way from the first node to each other, step by step.
    """

    def __init__(self, automaton, following, state, labels):
        self.automaton, self.following, self.state, self.labels = automaton, following, state, labels
        # Nodes with equal rows may be joined before the step, which is then made once for all of them.
        rows, group = np.unique(following, axis=0, return_inverse=True)
        group = group.reshape(-1)
        self.order = np.argsort(group, kind="stable")
        self.starts = np.searchsorted(group[self.order], np.arange(len(rows)))
        self.joined, self.apart = Arrivals(rows), Arrivals(following)
        self.levels = self._levels()

    @property
    def nodes(self):
        return len(self.following)

    def _levels(self):
        known, level, levels = np.zeros(self.nodes, bool), np.zeros(1, int), []
        known[0] = True
        while len(level):
            targets = self.following[level].reshape(-1)
            found, where = np.unique(targets, return_index=True)
            new = ~known[found]
            before, symbols = np.divmod(where[new], self.automaton.symbols)
            if new.any():
                levels.append((level[before], symbols, found[new]))
            level = found[new]
            known[level] = True
        return levels

    def way(self, node):
        """Return the symbols of a shortest path from the first node."""
        way = []
        for before, symbols, nodes in reversed(self.levels):
            here = np.flatnonzero(nodes == node)
            if len(here):
                way.append(int(symbols[here[0]]))
                node = before[here[0]]
        return way[::-1]

    def name(self, node):
        """Return a node in words: "after 01 11", the inputs that lead there, first to last in each symbol."""
        inputs = self.automaton.inputs
        return (
            "after " + " ".join("".join(str(int(bit)) for bit in inputs[symbol]) for symbol in self.way(node))
            if node
            else "at the start"
        )


def windows(automaton, k):
    """Return the Graph whose nodes are (the task's state before the last k symbols, these symbols), and all shorter
    prefixes.

    To know the state *before* the last k symbols is what makes it work: the state after them says less than what the
    hidden units still remember.
    """
    symbols, every = automaton.symbols, np.arange(automaton.symbols)
    following, states, labels = [], [np.zeros(1, int)], [np.zeros((1, automaton.outputs.shape[2]))]
    first, state = 0, np.zeros(1, int)
    for _ in range(k):
        # Beginnings of this length, each followed by all symbols; those of k - 1 by windows that began at the start.
        following.append(first + len(state) + np.arange(len(state) * symbols).reshape(-1, symbols))
        first += len(state)
        labels.append(automaton.outputs[state].reshape(-1, automaton.outputs.shape[2]) * 2.0 - 1)
        state = automaton.following[state].reshape(-1)
        states.append(state)
    count = symbols**k
    before, word = np.divmod(np.arange(automaton.states * count), count)
    oldest, rest = np.divmod(word, count // symbols)
    following.append(first + (automaton.following[before, oldest] * count + rest * symbols)[:, None] + every)
    state = before
    for i in range(k):
        symbol = word // symbols ** (k - 1 - i) % symbols
        label, state = automaton.outputs[state, symbol], automaton.following[state, symbol]
    # The windows that began at the start are among these.
    states[-1], labels[-1] = state, label * 2.0 - 1
    return Graph(automaton, np.concatenate(following), np.concatenate(states), np.concatenate(labels))


def own_machine(model, automaton, most):
    """Return the Graph of the network's own states: (the task's state, the output, the nearer extreme of each unit); or
    None.

    A network whose units are near their extremes is a finite automaton, which often is small, but remembers more than
    the last inputs. It is found by running the network from a state in each node (C. W. Omlin and C. L. Giles,
    "Extraction of rules from discrete-time recurrent neural networks", Neural Networks 9, 1996). Whether it is right,
    the proof decides. None if there are more than `most` nodes, or units have no extremes.
    """
    if model.cell.extremes is None:
        return None
    network, middle = Float64Network(model, automaton), sum(model.cell.extremes) / 2
    known, states, labels, following = {}, [0], [np.zeros(model.output_size)], []
    hidden, state = network.start, np.zeros(1, int)
    while len(hidden):
        outputs = automaton.outputs[state].reshape(-1, model.output_size)
        hidden, state, _ = network.step(hidden, state)
        keys, new = np.column_stack([state, outputs, hidden > middle]), []
        for row, key in enumerate(map(bytes, keys.astype(np.int16))):
            if key not in known:
                known[key] = len(states)
                states.append(state[row])
                labels.append(outputs[row] * 2.0 - 1)
                new.append(row)
            following.append(known[key])
        if len(states) > most:
            return None
        hidden, state = hidden[new], state[new]
    return Graph(automaton, np.array(following).reshape(-1, automaton.symbols), np.array(states), np.array(labels))
