"""A machine with vectors, loops and memory, for which kernels are written as plain Python functions."""
