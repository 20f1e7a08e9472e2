"""The progress bar of progress=True, in a terminal and in a notebook, by tqdm; and the notice that kernels are
compiled."""

import contextlib


@contextlib.contextmanager
def progress_shown(progress, unit, state, total=None):
    """Yield the function that training calls with its progress: a given function, None for False, or, for True, a
    moving bar.

    unit: what is counted; state(*arguments) -> (done, total or None, note), of the arguments that training gives;
    total: how many there are, where they do not say.
    """
    if progress is not True:
        yield progress or None
        return
    from tqdm.auto import tqdm

    with tqdm(total=total, unit=f" {unit}") as bar, on_compiling(
        lambda: bar.set_description_str("compiling kernels (once for this kind of network)")
    ):

        def tell(*arguments):
            done, whole, note = state(*arguments)
            bar.total = whole or bar.total
            # 3/6 rather than 3.00/6.00 where numbers are short.
            bar.unit_scale = max(bar.total or 0, done) > 999
            if bar.desc:
                bar.set_description_str("", refresh=False)
            bar.set_postfix_str(note, refresh=False)
            # Not by differences, whose sum would show rounding errors of shares.
            bar.n = done
            bar.update(0)

        yield tell


def models_done(done, models, loss=None):
    """Return the state of a bar of models, with the lowest loss so far."""
    whole = int(done) if done == int(done) else done
    return whole, models, "" if loss is None or not loss < float("inf") else f"loss {loss:.4g}"


@contextlib.contextmanager
def on_compiling(say):
    """Call say(), once, if a kernel is compiled in the body because the disk cache lacks it."""
    _WAITING.append(say)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            _WAITING.remove(say)


def compiling_begins():
    """Call what waits for a kernel to be compiled, in the bodies of `on_compiling`."""
    waiting, _WAITING[:] = _WAITING[:], []
    for say in waiting:
        say()


_WAITING = []
