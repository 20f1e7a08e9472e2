"""Turns a long table, with a row for each step, into sequences."""

from collections.abc import Hashable

import numpy as np

from fastrnn.arguments import as_integer, shown
from fastrnn.data.allowed import code_allowed
from fastrnn.data.columns import ColumnTable, listed, read_columns, refuse_text
from fastrnn.data.encoder import make_encoder
from fastrnn.data.segments import ranges, segments_of
from fastrnn.data.targets import Targets, code_targets, is_whole, nearest


def sequence_arguments(table, named, lag, encoding, kind, classes, segment=None):
    """Return the arguments of Sequences as a dict, from a table.

    named: the arguments inputs, target, group, subject, session, time, weight and allowed; encoding: encoder, one_hot,
    standardize and training; all are as in Sequences.from_table. segment: `training` is of segments of this length; the
    sequences are whole.
    """
    inputs, target, group, subject, session, time, weight, allowed = named
    table = table if isinstance(table, ColumnTable) else ColumnTable(table)
    inputs, targets = listed("inputs", inputs), listed("target", target)
    for name, column in (("subject", subject), ("session", session), ("time", time), ("weight", weight)):
        if not isinstance(column, Hashable):
            raise TypeError(f"{name}: got {shown(column)}, expected the name of a column")
    if not inputs:
        raise ValueError("inputs: got no column, expected at least one")
    groups = {name: column for name, column in (("subject", subject), ("session", session)) if column is not None}
    for name in listed("group", group):
        if groups.setdefault(name, name) != name:
            raise ValueError(f"group: got {name!r}, as which {name}= names column {groups[name]!r}: give one of both")
    lags, classed = _lags(lag, inputs), listed("allowed", allowed)
    for name in targets:
        if name in inputs and lags[name] == 0:
            raise ValueError(f"inputs: {name!r} is the target, which the network would see: give lag={{{name!r}: 1}}, "
                             "or lag=1 for all inputs, to feed it one step later")
    wanted = dict.fromkeys(inputs, "inputs") | dict.fromkeys(targets, "target")
    own = {"subject": subject, "session": session}
    arguments = {name: "group" if own.get(name) is None else name for name in groups}
    wanted |= {column: arguments[name] for name, column in groups.items()}
    wanted |= dict.fromkeys(classed, "allowed")
    wanted |= {column: name for name, column in (("time", time), ("weight", weight)) if column is not None}
    columns = read_columns(table, wanted)
    rows = len(columns[inputs[0]].values)
    keys = {name: columns[column] for name, column in groups.items()}
    for name, column in keys.items():
        _check_key(arguments[name], groups[name], column, table.place)
    order, offsets = _order(keys, None if time is None else columns[time], time, rows, table.place)
    if time is not None:
        columns = {name: column.take(order) for name, column in columns.items()}

    def place(step):
        return table.place(order[step])

    encoder, *options = encoding
    parts = offsets if segment is None else segments_of(offsets, segment)[0]
    encoder = make_encoder(encoder, {name: columns[name] for name in inputs}, *options, parts)
    x = _inputs(encoder, columns, lags, offsets, place)
    counts, weights = np.ones(rows, bool), np.ones(rows)
    if weight is not None:
        weights = _weights(columns[weight], weight, place)
        counts &= weights > 0
    possible = allowed_columns(classed, columns, place) if classed else None
    coded = Targets(np.zeros((rows, 0)), np.zeros(rows, bool), None)
    if targets:
        y, missing = _targets(targets, columns, place)
        coded = code_targets(y, counts & ~missing, place, kind, classes, f"target {', '.join(targets)}", possible)
    possible = None if possible is None else code_allowed(possible, coded, place)
    groups = {name: column.contents(order[offsets[:-1]]) for name, column in keys.items()}
    return {"x": x, "targets": coded, "weight": weights, "allowed": possible, "offsets": offsets, "ids": _ids(groups),
            "groups": groups, "input_names": encoder.names, "target_names": tuple(targets), "encoder": encoder}


def _lags(lag, inputs):
    lags = dict(lag) if isinstance(lag, dict) else dict.fromkeys(inputs, lag)
    for name, steps in lags.items():
        if name not in inputs:
            raise ValueError(f"lag: {name!r} is not an input: {nearest(name, inputs)}")
        as_integer("lag", steps, 0)  # the network may not see later rows
    return {name: int(lags.get(name, 0)) for name in inputs}


def _refuse_missing(argument, name, column, place):
    if column.missing.any():
        row = int(np.argmax(column.missing))
        raise ValueError(f"{argument}: column {name!r} is missing at {place(row)}, expected a value in each row")


def _check_key(argument, name, column, place):
    """Raise ValueError where a value is missing, or where float64 may have rounded different ones to it."""
    _refuse_missing(argument, name, column, place)
    if column.values.dtype.kind == "f":
        rounded = np.isfinite(column.values) & (np.abs(column.values) >= 2**53)
        if rounded.any():
            row = int(np.argmax(rounded))
            raise ValueError(f"{argument}: column {name!r} holds {column.values[row]:g} at {place(row)}; such large "
                             "numbers may be rounded to equal ones: give them as text")


def _order(keys, time, time_name, rows, place):
    """Return (rows,) the row of each step, and (N + 1,) offsets; sequences are in the order of their first rows."""
    changes = np.zeros(rows, bool)
    changes[0] = True
    for column in keys.values():
        changes[1:] |= column.values[1:] != column.values[:-1]
    starts = np.flatnonzero(changes)
    numbers = _numbered([column.values[starts] for column in keys.values()], len(starts))
    if time is None and numbers.max() + 1 < len(starts):
        again = starts[np.argmin(np.diff(numbers, prepend=-1) > 0)]
        named = ", ".join(f"{name}={column.contents([again])[0]}" for name, column in keys.items())
        raise ValueError(f"group: rows of {named} are not together, they continue at {place(int(again))}: name the "
                         "column that tells these sequences apart, sort the table, or give time=")
    owner = np.repeat(numbers, np.diff(starts, append=rows))
    offsets = np.concatenate(([0], np.cumsum(np.bincount(owner))))
    if time is None:
        return np.arange(rows), offsets
    if time.names is not None:
        refuse_text(time, "time", time_name, place)
    _refuse_missing("time", time_name, time, place)
    order = np.lexsort((time.values, owner))
    values = time.values[order]
    twice = (values[1:] == values[:-1]) & (np.diff(owner[order]) == 0)
    if twice.any():
        first = int(np.argmax(twice))
        raise ValueError(f"time: got {values[first]} at {place(order[first])} and {place(order[first + 1])} of one "
                         "sequence, expected different times: name the columns that tell sequences apart by group=")
    return order, offsets


def _numbered(columns, rows):
    """Return (rows,) int64: equal rows of the columns have equal numbers, given in the order of first rows."""
    code = np.zeros(rows, np.int64)
    for values in columns:
        different, inverse = np.unique(values, return_inverse=True)
        # Numbered again after each column, so that products stay below the square of the rows.
        code = np.unique(code * len(different) + inverse, return_inverse=True)[1]
    first = np.unique(code, return_index=True)[1]
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[code]


def _inputs(encoder, columns, lags, offsets, place):
    """Return (rows, I) float64: encoded, then shifted within sequences."""
    position = ranges(np.diff(offsets))
    parts = encoder.apply(columns, place)
    for encoding, part in zip(encoder.encodings, parts):
        lag = lags[encoding.name]
        if lag:
            part[lag:] = part[:-lag].copy()
            part[position < lag] = 0
        bad = ~np.isfinite(part).all(1)
        if bad.any():
            step = int(np.argmax(bad))
            raise ValueError(f"inputs: column {encoding.name!r} is missing or infinite at {place(step - lag)}, "
                             "expected a value in each row, since the state depends on the inputs of all steps: fill "
                             "in a number, and mark these rows in one more input")
    return np.concatenate(parts, 1)


def _weights(column, name, place):
    refuse_text(column, "weight", name, place)
    values = column.numbers()
    wrong = ~(np.isfinite(values) & (values >= 0))
    if wrong.any():
        step = int(np.argmax(wrong))
        raise ValueError(f"weight: got {values[step]:g} at {place(step)}, expected finite numbers of at least 0")
    return values


def allowed_columns(names, columns, place):
    """Return (rows, K) numbers of the columns that say what is allowed, {name: Column}. Raises TypeError or ValueError
    for text and missing values; place(row): a row in words."""
    for name in names:
        refuse_text(columns[name], "allowed", name, place)
        _refuse_missing("allowed", name, columns[name], place)
    return np.stack([columns[name].values for name in names], 1)


def _targets(names, columns, place):
    """Return (rows,) or (rows, O) as code_targets takes them, and (rows,) bool where one is missing."""
    missing = np.logical_or.reduce([columns[name].missing for name in names])
    if len(names) == 1:
        values = columns[names[0]].contents()
        # A frame may have no other way to write whole numbers of which some are missing.
        if values.dtype == np.float64 and missing.any() and is_whole(values[~missing]).all():
            values = np.where(missing, 0, values).astype(np.int64)
        return values, missing
    for name in names:
        refuse_text(columns[name], "target", name, place, " where there are several targets")
    return np.stack([columns[name].values for name in names], 1), missing


def _ids(groups):
    values = list(groups.values())
    if len(values) > 1:
        return np.array(["/".join(map(str, each)) for each in zip(*values)])
    return values[0] if values else np.zeros(1, np.int64)
