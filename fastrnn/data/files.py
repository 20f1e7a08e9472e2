"""Tables and arrays in files, recognised by their endings."""

import os

import numpy as np

from fastrnn.data.columns import ColumnTable
from fastrnn.data.csv_table import CsvTable
from fastrnn.data.targets import nearest
from fastrnn.program import install


class ParquetTable(ColumnTable):
    """A Parquet file as a ColumnTable. Raises ValueError without pyarrow, or for another kind of file; OSError as open
    does.
    """

    def __init__(self, path):
        try:
            from pyarrow import parquet
        except ImportError as error:
            raise ValueError(f"pyarrow is missing ({error}): {install('pyarrow')}") from error
        self._read, self._path = parquet.read_table, path
        with open(path, "rb"):
            pass
        try:
            self.names = list(parquet.read_schema(path).names)
        except Exception as error:  # pyarrow's own errors, which derive from ValueError or OSError
            raise ValueError(f"expected a Parquet file: {str(error).splitlines()[0]}") from None

    def columns(self, wanted):
        """Return {name: Column} of these names."""
        return ColumnTable(self._read(self._path, columns=list(wanted))).columns(wanted)


def read_npz(path):
    """Return {name: array} of an .npz file. Raises ValueError for another kind of file, or one with pickled objects."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except OSError:
        raise
    except Exception as error:  # zipfile's and NumPy's own, depending on where the file is damaged
        raise ValueError(f"expected an .npz file of arrays without objects: {str(error).splitlines()[0]}") from None


def arguments_of(arrays):
    """Return the arguments of Sequences, as a dict, from arrays by name. Raises ValueError where there is no x."""
    if "x" not in arrays:
        raise ValueError(f"got no array x among {', '.join(arrays) or 'none'}: name columns by inputs=, or save x")
    known = ("x", "y", "mask", "lengths", "offsets", "weight", "allowed", "initial", "ids")
    found = {name: arrays[name] for name in known if name in arrays}
    return {"groups": {name: values for name, values in arrays.items() if name not in known}, **found}


def name_of(path):
    """Return the name of a file without folder and ending."""
    return os.path.splitext(os.path.basename(path))[0]


def open_table(path):
    """Return the table in a file, by its ending. Raises ValueError for unknown endings."""
    ending = os.path.splitext(path)[1].lower()
    kinds = {".csv": CsvTable, ".tsv": CsvTable, ".txt": CsvTable, ".parquet": ParquetTable, ".pq": ParquetTable,
             ".npz": lambda path: ColumnTable(read_npz(path))}
    if ending not in kinds:
        hint = nearest(ending, kinds)
        more = "" if hint.startswith("did") else "; save it as .csv, or give a pandas frame to Sequences.from_table"
        raise ValueError(f"got the ending {ending!r}, {hint}{more}")
    return kinds[ending](path)
