"""`sweep` and `smallest`: a grid of training runs, on any number of machines."""

import contextlib
import errno
import functools
import os
from dataclasses import fields

from fastrnn.arguments import as_whole, check_object
from fastrnn.cores import cores
from fastrnn.interrupt import checked_interrupt
from fastrnn.progress import progress_shown
from fastrnn.sweeps.driver import Driver
from fastrnn.sweeps.grid import Grid
from fastrnn.sweeps.journal import Journal, journal_of, read_journal
from fastrnn.sweeps.results import Results
from fastrnn.sweeps.sizes import ENOUGH_EXACT, search_sizes
from fastrnn.sweeps.table import Table, check_table_format
from fastrnn.sweeps.unit import Unit, compile_points, note_of, run_unit
from fastrnn.sweeps.workers import Threads, Workers
from fastrnn.training.tasks.options import configured


def sweep(grid=None, *, output=None, force=False, executor=None, workers=None, progress=None, unit=None, **options):
    """Train every model of a grid.

    The table does not depend on executor, workers or unit, if all machines have the same arithmetic
    (fastrnn.simd.host.arithmetic); workers and partial results with another arithmetic are refused. Ctrl-C and SIGTERM
    raise KeyboardInterrupt.

    Parameters
    ----------
    grid : Grid or None
        The grid; None: it is made of `options`.
    output : str or None
        A .csv or .parquet file for the table. Results are kept in output + ".partial" as they come; after an
        interruption of any kind the same call continues, to the same bytes.
    force : bool
        Whether an existing output, and the partial results of another sweep, are replaced.
    executor : concurrent.futures.Executor, function or None
        Where to train: dask.distributed's Client.get_executor(pure=False), mpi4py.futures.MPIPoolExecutor(), ...; or a
        function that makes an executor, which is called again when its workers are lost; None: one thread for each
        core. functools.partial(Processes, 8), with `from fastrnn.sweeps import Processes`, uses processes: they are
        faster than threads for models that become exact within 0.01 s each.
    workers : int or None
        Units of work that the executor has at one time; None: as many as it has workers, or 64.
    progress : function, True or None
        progress(done, total, note), in models, is called some four times per second; True: a progress bar.
    unit : int or None
        Models in a unit of work; None: as many as take some seconds.
    **options
        Fields of Grid and TrainConfig: sweep(hidden_size=(4, 8), seeds=100, max_grad_norm=1.0). Defaults are those of
        the task.

    Returns
    -------
    Table

    Raises
    ------
    ValueError, TypeError
        In one line, for wrong arguments.
    FileExistsError
        For an output that exists.
    ForeignJournal
        For partial results of another sweep.
    OSError
        If a file cannot be written.
    UnitFailed
        If a unit of work failed again and again.
    """
    grid = _grid_of(grid, options)
    with _driver(grid, output, force, executor, workers, progress, unit) as driver:
        driver.complete(range(len(grid.points)))
        table = Table.of(driver.results, range(len(grid.points)))
        _conclude(table, output, driver.journal)
    return table


def smallest(
    grid=None,
    *,
    share=ENOUGH_EXACT,
    output=None,
    force=False,
    executor=None,
    workers=None,
    progress=None,
    unit=None,
    **options,
):
    """Find the smallest hidden size of a grid with which most models become exact.

    Sizes are tried in ascending order, up to the one that is found.

    Parameters
    ----------
    grid, output, force, executor, workers, progress, unit
        As in `sweep`.
    share : float
        The share of the models that must become exact, above 0 and at most 1.
    **options
        Fields of Grid and TrainConfig.

    Returns
    -------
    Smallest

    Raises
    ------
    ValueError, TypeError, OSError, ForeignJournal, UnitFailed
        As in `sweep`.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share: got {share}, expected a number above 0 and at most 1")
    grid = _grid_of(grid, options)
    with _driver(grid, output, force, executor, workers, progress, unit) as driver:
        found = search_sizes(grid, driver.results, driver.complete, share)
        _conclude(found.table, output, driver.journal)
    return found


def owns(grid, output):
    """Return whether an existing output was written by this sweep before an interruption at its end.

    Raises ForeignJournal if the partial results next to it are another sweep's.
    """
    try:
        return read_journal(journal_of(output), grid).finished
    except (FileNotFoundError, NotADirectoryError):
        return False


def _grid_of(grid, options):
    if grid is not None:
        if options:
            raise TypeError(f"sweep: got {sorted(options)[0]!r} in addition to a grid; put it into the grid")
        check_object("grid", grid, Grid, "a Grid, or options by name, for example sweep(hidden_size=(4, 8), seeds=100)")
        return grid
    axes = {field.name: options.pop(field.name) for field in fields(Grid) if field.name in options}
    return Grid(**axes, config=configured(axes.pop("config", None), options, axes.get("task")))


@contextlib.contextmanager
def _driver(grid, output, force, executor, workers, progress, unit):
    """Yield a Driver; its journal and its own workers are released at the end."""
    workers, unit = (
        value if value is None else as_whole(name, value, 1) for name, value in (("workers", workers), ("unit", unit))
    )
    if output is not None:
        check_table_format(output)
        if os.path.lexists(output) and not force and not owns(grid, output):
            raise FileExistsError(
                errno.EEXIST, "exists; give another output, or force=True to replace it", os.fspath(output)
            )
    with checked_interrupt() as interrupt, contextlib.ExitStack() as stack:
        # Before processes exist that would all compile the same, and before any file of a sweep that cannot begin.
        compile_points(grid.points)
        results, journal = Results(grid), None
        if output is not None:
            journal = Journal(journal_of(output), grid, replace=force)
            stack.callback(journal.close)
            for earlier in journal.units:
                results.add(*earlier)
        pool = Workers(executor or functools.partial(Threads, workers or cores()), run_unit)
        stack.callback(lambda: pool.close(wait=not interrupt.repeated))
        reported = stack.enter_context(progress_shown(progress, "models", lambda *state: state))
        units = {"together": workers, "unit": unit, "progress": reported}

        def unit_of(point, first, last):
            return Unit(grid.points[point], grid.config.seed + first, last - first)

        yield Driver(results, pool, unit_of, note_of, journal=journal, **units)


def _conclude(table, output, journal):
    if output is not None:
        journal.finish()
        table.save(output)
        journal.remove()
