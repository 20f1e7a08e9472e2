"""Sequences of bits: planes of 64 samples, a task's streams, and networks run on them."""

# What it overloads is called by kernels that know nothing of it.
from fastrnn.bits import lanes  # noqa: F401
