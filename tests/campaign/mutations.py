"""Damaged files: each load gives what was saved, or one clear line; never a traceback, a crash or something else."""

import functools
import json
import shutil
import signal
from collections import Counter
from pathlib import Path

import numpy as np

from campaign import formats
from campaign.children import Child, Fault

COUNT = 100_000

# Loads of one child, and seconds that one of them may take.
EACH, LIMIT = 100, 20

# The longest line that a refusal may be.
LONGEST = 600

_originals = {}


# So often each among forty loads: compiling takes a hundred times as long as a load.
SHARES = {
    formats.ModelFile: 10,
    formats.CraftedModel: 6,
    formats.RunFile: 7,
    formats.CraftedRun: 4,
    formats.JournalFile: 4,
    formats.CraftedJournal: 3,
    formats.CertificateFile: 2,
    formats.CraftedCertificate: 2,
    formats.CheckedModel: 1,
    formats.CacheEntry: 1,
}
KINDS = [kind for kind, share in SHARES.items() for _ in range(share)]


def warm_up():
    """What every child needs is loaded with the first intact files, see `trials`."""


def trials(seed, first, count, base):
    """Each is a child that loads a hundred files, or what is left of them after a crash."""
    folder = base / "intact"
    folder.mkdir(exist_ok=True)
    for kind in SHARES:
        _originals[kind] = kind(folder)
    for start in range(first, first + count, EACH):
        yield (start, "damaged files"), _batch(seed, start, min(start + EACH, first + count), base)


def _batch(seed, start, end, base):
    counts, faults = Counter(), []
    folder = base / f"damaged-{seed}-{start}"
    folder.mkdir(exist_ok=True)
    while start < end:
        try:
            ended = yield Child(functools.partial(_load_all, seed, range(start, end)), folder)
            how = signal.Signals(-ended.status).name if ended.status < 0 else f"exit {ended.status}"
            how = f"ends the process: {how}: {ended.err.strip()[-200:]!r}"
        except Fault as hanging:
            how = str(hanging)
        with open(f"{folder}.out") as file:
            lines = [json.loads(line) for line in file if line.endswith("\n")]
        for number, name, outcome, fault in lines:
            if fault:
                faults.append((number, name, outcome))
            else:
                counts[name, outcome] += 1
        start = lines[-1][0] + 1 if lines else start
        if start < end:
            faults.append((start, KINDS[start % len(KINDS)].name, how))
            start += 1
    shutil.rmtree(folder)
    return counts, faults


class _Late(BaseException):
    """A load that does not end."""


def _late(*_):
    raise _Late


def _load_all(seed, numbers):
    """Print a line of JSON for each load: [number, kind, outcome, whether it is a fault]."""
    signal.signal(signal.SIGALRM, _late)
    for number in numbers:
        kind = _originals[KINDS[number % len(KINDS)]]
        path = Path(f"file{kind.suffix}")
        path.write_bytes(kind.changed(np.random.default_rng([2, seed, number])))
        signal.setitimer(signal.ITIMER_REAL, LIMIT)
        outcome, fault = _outcome(kind, path)
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(json.dumps([number, kind.name, outcome, fault]), flush=True)


def _outcome(kind, path):
    """(what came of a load, whether it is a fault)"""
    try:
        wrong = kind.wrong(kind.load(path))
    except kind.refusals as refusal:
        text = str(refusal)
        if not text.isprintable() or len(text) > LONGEST:
            return f"refused in {len(text):,} characters: {text[:100]!r}", True
        return "refused", False
    except _Late:
        return f"not over after {LIMIT} s", True
    except BaseException as error:
        return f"traceback: {type(error).__name__}: {' '.join(str(error).split())[:200]}", True
    return wrong or kind.held, wrong is not None
