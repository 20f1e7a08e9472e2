"""`cross_validate`: nested cross-validation of cells, sizes and options on sequences of the user.

M. Stone, "Cross-validatory choice and assessment of statistical predictions", Journal of the Royal Statistical
Society B 36 (1974); nested folds as in S. Varma and R. Simon, "Bias in error estimation when using cross-validation
for model selection", BMC Bioinformatics 7 (2006).
"""

import errno
import itertools
import os
from dataclasses import replace

import numpy as np

from fastrnn.arguments import as_whole
from fastrnn.data.roles import TEST, TRAIN, VALIDATION, folds
from fastrnn.data.targets import nearest
from fastrnn.optimizers.base import optimizers
from fastrnn.progress import models_done, progress_shown
from fastrnn.training.sequences.checks import check_kinds
from fastrnn.training.sequences.config import FitConfig
from fastrnn.training.sequences.kept import fit_kept
from fastrnn.training.sequences.parts import Where
from fastrnn.training.sequences.per_model import FIT_PER_MODEL
from fastrnn.training.sequences.selection import Selection


def cross_validate(
    cell,
    data,
    *,
    outer=10,
    inner=9,
    seeds=3,
    grid=None,
    by=None,
    seed=0,
    refit=True,
    output=None,
    config=None,
    threads=None,
    executor=None,
    workers=None,
    unit=None,
    progress=None,
    **options,
):
    """Fit a cell to Sequences in nested folds, with all combinations of options.

    Parameters
    ----------
    cell : Cell
        The cell; `grid` may change its hidden size.
    data : Sequences
        Sequences with targets.
    outer, inner, by, seed
        The folds, as fastrnn.data.folds divides sequences, or groups of them.
    seeds : int or integers
        The number of random initialisations, or their seeds.
    grid : dict
        {name: values} of hidden_size, learning_rate, l1, weight_decay, activity and the optimizer's options; each
        combination is fitted. With inner=None nothing validates, so that only hidden_size may have several values.
    refit : bool
        Whether the options with the smallest mean validation loss over all folds are fitted again to all sequences,
        including those of validation and test, with each seed, as scikit-learn's searches do: Selection.refitted. No
        sequence is left to stop these models early; they train for the median of the best epochs of the folds.
        Selection.estimate says what loss to expect of them.
    output : str or None
        A folder that keeps the fits; after an interruption the same call continues.
    config, threads
        As for `train_many`, for all fits.
    executor : concurrent.futures.Executor, function or None
        Where to fit, as for fastrnn.sweep: dask.distributed's Client.get_executor(pure=False),
        mpi4py.futures.MPIPoolExecutor(), ...; or a function that makes an executor, which is called again when its
        workers are lost, for example functools.partial(Processes, 8) after `from fastrnn.sweeps import Processes`;
        None: threads of this process. The fits have the same bytes for any executor, if all machines have the same
        arithmetic (fastrnn.simd.host.arithmetic).
    workers : int or None
        Units of work that the executor has at one time; None: as many as it has workers, or 64.
    unit : int or None
        Models in a unit of work; None: as many as take some seconds.
    progress : function, True or None
        progress(fits_done, fits, loss) is called now and then; True: a progress bar.
    **options
        As for `train_many`, for all fits.

    Returns
    -------
    Selection

    Raises
    ------
    ValueError, TypeError
        In one line, for wrong arguments.
    NotADirectoryError
        If `output` is a file.
    UnitFailed
        If a unit of work failed again and again, or the executor accepts no more work; finished fits are kept in
        `output`.
    KeyboardInterrupt
        After Ctrl-C, with the finished fits kept in `output`.
    """
    check_kinds(cell, data, config, options.get("weights"), {"progress": None if progress is True else progress})
    counts = {"workers": workers, "unit": unit}
    for name, count in counts.items():
        if count is not None and executor is None:
            raise ValueError(f"{name}: is of an executor; give executor=, too")
    where = Where(threads, executor, *(None if n is None else as_whole(name, n, 1) for name, n in counts.items()))
    seeds = np.arange(as_whole("seeds", seeds, 1)) if np.ndim(seeds) == 0 else np.asarray(seeds)
    if not len(seeds):
        raise ValueError("seeds: got none, expected at least one")
    grid = _checked(grid, options, inner, config)
    if output is not None and os.path.exists(output) and not os.path.isdir(output):
        raise NotADirectoryError(errno.ENOTDIR, "output: is a file, expected a folder", os.fspath(output))
    grid.setdefault("hidden_size", np.array([cell.hidden_size]))
    roles = folds(data, outer, inner, by, seed)
    points = list(itertools.product(*grid.values()))
    # Fits of one size and fold stand side by side: sequences that none of them needs are left out.
    order = [
        (row, point, each)
        for size in np.unique(grid["hidden_size"])
        for row in range(len(roles))
        for point in points
        if dict(zip(grid, point))["hidden_size"] == size
        for each in seeds
    ]
    rows = np.array([row for row, _, _ in order])
    columns = {name: np.array([point[n] for _, point, _ in order]) for n, name in enumerate(grid)}
    own_seeds = np.array([each for _, _, each in order])
    if refit and inner is None and len(points) > 1:
        raise ValueError(f"refit: with inner=None nothing chooses among {len(points)} sizes; give refit=False")
    models = len(order) + (len(seeds) if refit else 0)
    common = {"output": output, "config": config, "where": where}
    with progress_shown(progress, "fits", models_done) as call:
        reported = call and (lambda done, _, loss: call(done, models, loss))
        fits = fit_kept(cell, data, own_seeds, roles[rows], columns, progress=reported, options=options, **common)
        validation, test = ((roles == role) @ data.counted for role in (VALIDATION, TEST))
        made = Selection(fits, rows // (inner or 1), rows % (inner or 1), columns, validation[rows], test[rows])
        return replace(made, refitted=_refitted(cell, data, seeds, made, call, options, common)) if refit else made


def _refitted(cell, data, seeds, selection, progress, options, common):
    """Return the Fits of a Selection's best options to all sequences, one for each seed."""
    point, epochs = selection.choice()
    done, count = len(selection), len(seeds)
    least = float(selection.fits.selection_loss.min())
    reported = progress and (lambda more, _, loss: progress(done + more, done + count, least))
    columns = {name: np.full(count, value) for name, value in point.items()}
    # A table of roles, as that of the folds: the same kernels fit both.
    roles, options = np.full((count, len(data)), TRAIN), {**options, "patience": None, "stop_after": epochs}
    return fit_kept(cell, data, seeds, roles, columns, progress=reported, options=options, **common)


def _checked(grid, options, inner, config):
    """Return {name: (K,) values} of a grid. Raises ValueError or TypeError for a grid that cannot be fitted, or chosen
    from."""
    if not isinstance(grid, (dict, type(None))):
        raise TypeError(f"grid: got {type(grid).__name__}, expected {{name: values}}")
    given, grid = grid or {}, {}
    for name, values in given.items():
        try:
            grid[name] = np.atleast_1d(np.asarray(values))
        except ValueError:
            raise ValueError(f"grid: {name} holds lists of different lengths, expected numbers") from None
    optimizer = options.get("optimizer", (config or FitConfig()).optimizer)
    axes = ["hidden_size", *FIT_PER_MODEL, *getattr(optimizers().get(str(optimizer)), "_fields", ())]
    for name in ("roles", "validation", "each", "only", "hidden_size", "callback", "checkpoint"):
        if name in options:
            raise TypeError(
                f"{name}: is not for cross_validate, which gives roles by folds, sizes by grid, and keeps fits in "
                "output"
            )
    for name, values in grid.items():
        if name in options:
            raise TypeError(f"{name}: is an axis of the grid and an option, expected one of them")
        if name in FitConfig.__dataclass_fields__ and name not in FIT_PER_MODEL:
            raise ValueError(f"grid: {name} is the same for all fits, expected hidden_size, {', '.join(FIT_PER_MODEL)} "
                             "or an option of the optimizer")
        if name not in axes:
            raise ValueError(f"grid: got {name!r}, which cannot differ between fits: {nearest(name, axes)}")
        if values.ndim != 1 or not len(values):
            raise ValueError(f"grid: {name} has shape {values.shape}, expected at least one number")
        if len(set(values.tolist())) < len(values):
            raise ValueError(f"grid: {name} has a value twice, expected different ones")
        if inner is None and name != "hidden_size" and len(values) > 1:
            raise ValueError(f"grid: {name} has {len(values)} values, but with inner=None nothing validates them")
    return grid
