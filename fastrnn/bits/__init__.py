"""Sequences of bits: planes of 64 samples, a task's streams, and networks run on them."""
