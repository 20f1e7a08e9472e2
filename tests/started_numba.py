"""numba after its first function, before which it takes in what it knows of Python and NumPy."""

import numba

numba.njit(lambda x: x + 1)(1)
