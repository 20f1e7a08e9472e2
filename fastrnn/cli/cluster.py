"""Options of commands that can run on other machines, --dask and --mpi, and the executors that they name."""

import contextlib
import logging
import os
import shutil
import sys

from fastrnn.cli.errors import UserError
from fastrnn.program import install

CONNECT_SECONDS = 10


def add_cluster(group):
    """Declare the options in a group; only one of the group may be given."""
    group.add_argument("--dask", metavar="URL", help="work on the Dask cluster whose scheduler has this address")
    group.add_argument("--mpi", action="store_true", help="work on the processes of mpi4py.futures")


@contextlib.contextmanager
def cluster(args, own=None):
    """Return the executor of --dask or --mpi, or a function that makes one; `own` where neither is given."""
    from fastrnn.sweeps.driver import UnitFailed

    try:
        with _dask(args.dask) if args.dask else contextlib.nullcontext(_mpi_pool() if args.mpi else own) as executor:
            yield executor
    except UnitFailed as error:
        raise UserError(f"{error}; finished models are kept: run the same command to continue") from error


def _mpi_pool():
    try:
        from mpi4py import MPI
        from mpi4py.futures import MPIPoolExecutor
    except ImportError as error:
        raise UserError(f"--mpi: mpi4py is missing ({error}): {install('mpi4py')}") from error
    # A process that was started alone starts others by mpiexec; without it the pool would wait for them for ever.
    alone = MPI.COMM_WORLD.Get_size() == 1 and not any(name.startswith(("PMI", "OMPI_")) for name in os.environ)
    if alone and shutil.which("mpiexec") is None:
        raise UserError(
            "--mpi: there is no mpiexec; start the command by it: mpiexec -n 9 python -m mpi4py.futures -m fastrnn ..."
        )
    return MPIPoolExecutor


@contextlib.contextmanager
def _dask(address):
    """Return the executor of a Dask cluster."""
    try:
        from distributed import Client
    except ImportError as error:
        raise UserError(f"--dask: dask.distributed is missing ({error}): {install('distributed')}") from error
    # Errors are one line, which this program prints.
    for name in ("distributed", "distributed.client", "concurrent.futures", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"--dask: {address}: no scheduler answers ({error}); expected an address, for example tcp://host:8786"
        ) from error
    with client:
        if not client.nthreads():
            print(f"{address}: waiting for workers ...", file=sys.stderr, flush=True)
        # Not pure: a unit that failed is to be computed again, not to fail again from memory.
        yield client.get_executor(pure=False)
