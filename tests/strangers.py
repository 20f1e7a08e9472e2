"""A cell and tasks of a user, which `fastrnn.check` does not define, and what strangers may make of their files."""

import itertools
import re
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np
from certified_models import FIXTURES

import fastrnn
from fastrnn.formula import sigmoid, tanh
from fastrnn.proofs import certify, file
from fastrnn.tasks.base import Task


@dataclass(frozen=True)
class Floored(fastrnn.Cell):
    """A minimal gated unit whose gate never closes: an option is a number in its formula."""

    floor: float = 2.0**-6

    gates, separate, extremes = ("f", "n"), ("n",), (-1.0, 1.0)

    def step(self, pre, h):
        f = self.floor + (1 - self.floor) * sigmoid(pre.f)
        return h + f * (tanh(pre.n_x + sigmoid(pre.f) * pre.n_h) - h)


@dataclass(frozen=True)
class Sums(Task):
    """Sums of two numbers, by another name."""

    bits: int = 8

    name, input_size, states = "my.sums", 2, 2

    def label(self, x, state):
        (a, b), carry = x, state[0]
        return [a ^ b ^ carry], [(a & b) | (carry & (a | b))]

    def oracle(self, operands):
        return sum(operands) % 2**self.bits


@dataclass(frozen=True)
class HalfAdder(Task):
    """Two outputs: the sum and the carry of two bits."""

    bits: int = 8

    name, input_size, output_size, states = "half-adder", 2, 2, 1

    def label(self, x, state):
        return [x[0] ^ x[1], x[0] & x[1]], []

    def oracle(self, operands):
        return operands[0] ^ operands[1], operands[0] & operands[1]


@lru_cache
def proved_stranger():
    """The Certification of a network with a cell and a task of the user's own."""
    model = fastrnn.Model.load(FIXTURES / "proved-mgu.safetensors")
    return certify(fastrnn.Model(Floored(model.hidden_size), model.weights, Sums(8)), find=False)


def described(found):
    """The automaton of a Certification, as its file has it."""
    return file.automaton_as_json(found.graph.automaton)


# ---- what a file says, computed without the checker


def is_true(claim, weights, seed=0, sequences=200, steps=100):
    """Whether the network of a claim's formula and weights does what its automaton does, on random sequences."""
    following, outputs = (np.array(claim["automaton"][name]) for name in ("next", "outputs"))
    inputs, rng = following.shape[1].bit_length() - 1, np.random.default_rng(seed)
    symbols = rng.integers(following.shape[1], size=(sequences, steps))
    symbols[: following.shape[1]] = np.arange(following.shape[1])[:, None]
    made = logits(claim["formula"], weights, symbols[..., None] >> np.arange(inputs) & 1)
    state = np.zeros(sequences, int)
    for t in range(steps):
        bits = outputs[state, symbols[:, t]][:, None] >> np.arange(made.shape[2]) & 1
        if ((made[:, t] > 0) != bits).any():
            return False
        state = following[state, symbols[:, t]]
    return True


def logits(text, weights, x):
    """(N, T, O) outputs, in float64, of the formula in a text."""
    gates, pre, vectors, state, step, *late = text.split(" | ")
    names, from_x, from_h = re.fullmatch(r"(.+) \((\d+), (\d+)\)", pre).groups()
    gates, names, parts = gates.split(), names.split(), [f"old_{part}" for part in state.split()]
    hidden, w = weights["w_ho"].shape[1], {name: weight.astype(float) for name, weight in weights.items()}
    count = int(late[0].split(":")[0]) if late else 0
    to_h = names[len(names) - int(from_h) :] + names[:count]
    apart = {name[:-2] for name in names[int(from_x) :]}
    gate_of = {name: name[:-2] if name[:-2] in apart and name[-2:] in ("_x", "_h") else name for name in names}
    reached = [gate for gate in gates if gate in {gate_of[name] for name in to_h}]

    def rows(weight, order, name):
        place = order.index(gate_of[name]) * hidden
        return w.get(weight, np.zeros(len(order) * hidden))[place : place + hidden]

    def run(lines, values):
        *calls, last = lines.split("; ")
        for line in calls:
            name, op, arguments = re.fullmatch(r"(\w+) = (\S+)\((.*)\)", line).groups()
            values[name] = FUNCTIONS[op](*(value(arg, values) for arg in arguments.split(", ")))
        return [value(arg, values) for arg in last.removeprefix("return ").split(", ")]

    old, made = {part: np.zeros((len(x), hidden)) for part in parts}, []
    for t in range(x.shape[1]):
        values = {**old, **{name: w[name] for name in vectors.split()}}
        for names_now in (names[count:], names[:count]):
            fed = old[parts[0]]
            if names_now and names_now[0] in names[:count]:
                (fed,) = run(late[0].split(": ", 1)[1], dict(values))
            for name in names_now:
                values[name] = 0.0
                if name in names[: int(from_x)]:
                    values[name] = x[:, t] @ rows("w_ih", gates, name).T + rows("b_ih", gates, name)
                if name in to_h:
                    values[name] = values[name] + fed @ rows("w_hh", reached, name).T + rows("b_hh", reached, name)
        new = run(step, dict(values))
        old = {part: np.broadcast_to(each, (len(x), hidden)) for part, each in zip(parts, new)}
        made.append(old[parts[0]] @ w["w_ho"].T + w.get("b_o", 0.0))
    return np.stack(made, axis=1)


def value(name, values):
    return values[name] if name in values else float(name)


FUNCTIONS = {"+": np.add, "-": np.subtract, "*": np.multiply, "tanh": np.tanh, "relu": lambda z: np.maximum(z, 0),
             "sigmoid": lambda z: 1 / (1 + np.exp(-np.clip(z, -700, 700)))}


# ---- forgeries: {what: change(claim)}


def automata(claim):
    """Automata that are another's, or no automata."""
    following, outputs = claim["automaton"]["next"], claim["automaton"]["outputs"]
    states, symbols = len(following), len(following[0])
    made = {}

    def put(what, **tables):
        made[what] = lambda claim: claim["automaton"].update(tables)

    def with_entry(table, state, symbol, entry):
        changed = [list(row) for row in table]
        changed[state][symbol] = entry
        return changed

    for state, symbol in itertools.product(range(states), range(symbols)):
        put(f"output {state} {symbol}", outputs=with_entry(outputs, state, symbol, 1 - outputs[state][symbol]))
        put(f"next {state} {symbol}", next=with_entry(following, state, symbol, 1 - following[state][symbol]))
    for entry in (-1, 2, 10**30, 0.0, True, "0", None, [0]):
        put(f"output that is {entry!r}", outputs=with_entry(outputs, 0, 1, entry))
        put(f"next that is {entry!r}", next=with_entry(following, 0, 1, entry))
    put("another first state", next=[[1 - after for after in row] for row in following[::-1]], outputs=outputs[::-1])
    put("rows of states exchanged", next=following[::-1], outputs=outputs[::-1])
    put("a state left out", next=following[:1], outputs=outputs[:1])
    put("a state left out, and ways to it", next=[[0] * symbols], outputs=outputs[:1])
    put("a state that nothing leads to", next=[*following, [0] * symbols], outputs=[*outputs, outputs[0]])
    put("a copy of a state that nothing leads to", next=[*following, following[0]], outputs=[*outputs, outputs[0]])
    put("a state with no outputs", next=[*following, [0] * symbols])
    put("symbols in another order", next=[row[::-1] for row in following], outputs=[row[::-1] for row in outputs])
    put("a symbol left out", next=[row[:-1] for row in following], outputs=[row[:-1] for row in outputs])
    put("twice the symbols", next=[row * 2 for row in following], outputs=[row * 2 for row in outputs])
    put("half the symbols", next=[row[:2] for row in following], outputs=[row[:2] for row in outputs])
    put("one symbol", next=[row[:1] for row in following], outputs=[row[:1] for row in outputs])
    put("512 symbols", next=[[0] * 512], outputs=[[0] * 512])
    put("many states", next=[[0] * 4] * 20_000, outputs=[[0] * 4] * 20_000)
    put("rows of other lengths", next=[following[0], following[1][:2]])
    put("no states", next=[], outputs=[])
    put("rows without symbols", next=[[], []], outputs=[[], []])
    put("tables that are none", next={"0": [0]}, outputs="01")
    put("rows that are none", next=["0101", "0101"])
    put("all outputs 0", outputs=[[0] * symbols] * states)
    put("outputs exchanged for states", next=outputs, outputs=following)
    put("more", first=0)
    made["less"] = lambda claim: claim["automaton"].pop("outputs")
    return made


def formulas(text):
    """Texts that are no formula, or that of another cell."""
    head, step = text.rsplit(" | ", 1)
    gates, pre, vectors, state = head.split(" | ")
    *lines, last = step.split("; ")
    number = len(lines)

    def of(lines, last=last, gates=gates, pre=pre, vectors=vectors, state=state):
        return " | ".join((gates, pre, vectors, state, "; ".join([*lines, last])))

    def ending(*more):
        """The formula with statements behind it, the last of which is returned."""
        behind = [f"v{number + i} = {call}" for i, call in enumerate(more)]
        return of([*lines, *behind], f"return v{number + len(more) - 1}")

    result = last.removeprefix("return ")
    made = {
        "empty": "", "no text": None, "a list": [text], "only gates": gates, "long": text + " " * 20_000,
        "a statement that nothing reads": of([*lines, f"v{number} = +({result}, old_h)"]),
        "a statement twice": ending(lines[0].split(" = ")[1], f"-(v{number}, v0)", f"+({result}, v{number + 1})"),
        "itself": ending(f"+(v{number}, {result})"),
        "a value that comes later": ending(f"+(v{number + 1}, {result})", f"+(v{number}, old_h)"),
        "an unknown name": ending(f"+({result}, secret)"),
        "another part of the state": ending(f"+({result}, old_c)"),
        "a weight": ending(f"+({result}, w_hh)"),
        "one argument too few": ending(f"+({result})"),
        "one argument too many": ending(f"tanh({result}, old_h)"),
        "no argument": ending("tanh()"),
        "an unknown operation": ending(f"exp({result})"),
        "Python": ending("__import__('os').system('true')"),
        "nested": ending(f"tanh(tanh({result}))"),
        "numbers out of order": of([line.replace("v1 ", "v9 ") for line in lines]),
        "a number with zeros": of([lines[0].replace("v0", "v00"), *lines[1:]]),
        "no return": of(lines, result), "two results": of(lines, f"{last}, old_h"), "no result": of(lines, "return "),
        "a statement behind the end": text + "; v99 = tanh(old_h)",
        "two returns": of([*lines, last]),
        "a result from nowhere": of(lines, "return v99"),
        "always the state": of([], "return old_h"), "always a constant": of([], "return 0.5"),
        "many statements": ending(*[f"tanh(v{number + i})" for i in range(-1, 200)]),
        "a line feed": text + "\n", "an escape": text.replace("old_h", "\x1b[2J"), "Greek": text.replace("a", "α"),
        "other digits": text.replace("(2, ", "(٢, "), "two spaces": text.replace(" = ", "  = ", 1),
        "an input too many": text.replace("(2, 2)", "(9, 2)"), "states to none": text.replace("(2, 2)", "(2, 0)"),
        "states to all": text.replace("(2, 2)", "(3, 3)"), "none": text.replace("(2, 2)", "(0, 0)"),
        "a gate in two places": re.sub(r"\bf\b", "n", text),
        "a gate twice": of(lines, gates=f"{gates} f"), "a gate that is not stacked": of(lines, gates=gates.split()[0]),
        "gates in another order": of(lines, gates=" ".join(gates.split()[::-1])),
        "x and h exchanged": text.replace("n_x", "?").replace("n_h", "n_x").replace("?", "n_h"),
        "gates that mean something else": text.replace("n_x", "w_x").replace("n_h", "w_h"),
        "a gate that looks like a value": re.sub(r"\bf\b", "v0", text),
        "a gate that looks like a constant": re.sub(r"\bf\b", "inf", text),
        "a vector": of(lines, vectors="own"), "a vector named like a weight": of(lines, vectors="w_hh"),
        "a vector named like a gate": of(lines, vectors="f"), "a state more": of(lines, state=f"{state} c"),
        "no state": of(lines, state=""), "another state": of(lines, state="g"),
        "an operand of no gates": f"{text} | 0: return old_h", "an operand of a gate": f"{text} | 1: return old_h",
        "an operand of many gates": f"{text} | 99: return old_h", "an operand that is none": f"{text} | 1: return f",
        "a long name": of(lines, gates=gates.replace("f", "f" * 50)),
        "many gates": of(lines, gates=" ".join(f"g{i}" for i in range(99))),
        # Its polynomial has 2**90 times its term.
        "doubled": ending(*[f"+(v{number + i}, v{number + i})" for i in range(-1, 80)]),
        "squared": ending(*[f"*(v{number + i}, v{number + i})" for i in range(-1, 80)]),
    }
    for constant in "1e300 1e999 -1e300 inf nan 0x10 1_0.0 1 1.50 1e5 .5 1j".split() + ["9" * 5000]:
        made[f"the constant {constant[:9]}"] = ending(f"*(0.0, {constant})", f"+({result}, v{number})")
    for place in re.finditer(r"0\.\d+", text):
        made[f"another constant at {place.start()}"] = text[: place.start()] + "0.5" + text[place.end() :]
    return {what: (lambda claim, other=other: claim.update(formula=other)) for what, other in made.items()}


NAMES = ("", "addition ", "Addition\x1b[2J", "gru, before", "x" * 41, "a b", "a\nb", "my/sums", None, ["elman"], 1, {})


def described_cell(cell):
    return {"name": cell.name, **asdict(cell)}
