"""The benchmark suite: engines for the same work are checked, then timed side by side.

`fastrnn bench` runs the short table from an installed package; `make bench` in the source tree runs everything.
"""
