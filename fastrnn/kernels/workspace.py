"""Working memory of kernels, aligned to cache lines."""

import numpy as np

LINE = 64


def aligned_zeros(shape, dtype):
    """Return numpy.zeros whose data start at a cache line: no vector of it crosses one."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.zeros(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size].view(dtype).reshape(shape)


# A flag to stop that nobody sets.
GOES_ON = np.zeros(1, np.int64)
