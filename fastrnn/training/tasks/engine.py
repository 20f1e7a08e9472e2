"""What engines of one network and of many share: the network, the optimizer, the terms of updates, and their memory."""


import numpy as np

from fastrnn.formula.evaluate import on_numpy
from fastrnn.formula.graph import symbol
from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.kernels.recurrent.update import OPTIONS, Terms, traced_optimizer
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.networks import kernel_network, lanes_for


def network_for(cell, sizes, source, config, own_weights, columns, wide=1):
    """Return the Network of a cell with outputs that are bits; its kernels count wrong outputs."""
    return kernel_network(
        cell,
        Sigmoid(config.loss),
        tuple(sizes),
        own_weights,
        True,
        columns=columns,
        bits=source.inputs_are_bits,
        counted="mistakes",
        wide=wide,
    )


def optimizer_of(config):
    """Return the formulas of the optimizer."""
    return traced_optimizer(config.build_optimizer())


def terms_of(net, cell, config, steps, options):
    """Return the Terms of updates; options (models, rows): OPTIONS of each, of which a penalty counts if any has it."""
    used = dict(zip(OPTIONS, np.any(options, axis=0)))
    penalised = bool(used["decay"] or used["l1"])
    return Terms(
        penalties=penalised,
        clipped=config.max_grad_norm is not None,
        truncated=segment_of(config, steps) < steps,
        saturating=cell.extremes or () if used["saturation"] else (),
        retaining=config.retention_penalty > 0,
        decoupled=penalised,
        watched=True,
        together=True,
        fresh=True,
        summed=config.reduction == "sum" or config.batch_size == 1,
        long=net.long(steps),
        far=net.far(steps),
    )


def arrays_for(net, optimizer, config, places, steps, shapes):
    """Return {name: array} of the working memory of one network's session: `shapes`, and the arrays that all sessions
    have.

    places: of the weights, which all learn; steps: of the longest sequence.
    """
    lanes = lanes_for(config.dtype)
    rows = -(-net.table.count // lanes) * lanes
    shapes = {
        **shapes,
        "slots": (max(1, len(optimizer.slots)), rows),
        "running": (max(1, len(optimizer.running)), 1),
        "options": (len(OPTIONS) + len(optimizer.options), 1),
        "flags": (3, rows),
        "active": (1, lanes),
        "norm": (lanes, 1),
        "bad": (1, lanes),
    }
    shapes |= {name: (count, lanes) for name, count in net.training_arrays(steps).items()}
    arrays = {name: aligned_zeros(shape, config.dtype) for name, shape in shapes.items()}
    arrays["active"][:] = 1
    # The other numbers of a table neither learn nor have penalties.
    for each in places.values():
        arrays["flags"][:, each] = 1
    arrays["options"][:, 0] = options_of(config, optimizer)
    return arrays


def frames_for(programs, arrays, net, config, steps, **words):
    """Return frames of Programs, for other Programs, with arrays by name, and words."""
    words |= {"segment": segment_of(config, steps), "window": net.window(steps)}
    return [program.loaded(**arrays, **words) for program in programs]


def segment_of(config, steps):
    """Return the steps that a gradient goes back, in sequences of this many steps."""
    return min(config.tbptt_steps or steps, steps)


def options_of(config, optimizer):
    """Return the numbers of OPTIONS and of the optimizer, in order."""
    named = {
        "rate": config.rate,
        "scale": 1 / config.batch_size if config.reduction == "mean" else 1.0,
        "l1": config.l1,
        "decay": config.weight_decay,
        "max_norm": np.inf if config.max_grad_norm is None else config.max_grad_norm,
        "activity": 0.0,
        "saturation": config.saturation_penalty,
        "retention": config.retention_penalty,
        **config.build_optimizer()._asdict(),
    }
    return [named[name] for name in (*OPTIONS, *optimizer.options)]


def slot_name(slot, name):
    """Return the name, in files, of what an optimizer keeps in a slot for the weights of this name."""
    return f"slot.{slot}.{name}"


def running_at(optimizer, config, steps):
    """Return the optimizer's running numbers after this many updates, for files that do not store them."""
    options = {
        symbol(name): np.full(1, value, config.dtype) for name, value in config.build_optimizer()._asdict().items()
    }
    running = [np.zeros(1, config.dtype) for _ in optimizer.running]
    for _ in range(steps if running else 0):
        known = options | {symbol(name): value for name, value in zip(optimizer.running, running)}
        running = on_numpy(optimizer.advance, known)
    return [float(value[0]) for value in running]
