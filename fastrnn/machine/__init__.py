"""A machine of vectors, loops and memory, on which kernels are written as plain Python functions."""
