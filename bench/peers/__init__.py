"""Other libraries on the same work, each written as an expert user would write it for speed.

They run in the environment that `make bench-peers` makes; nothing here is imported by fastrnn. Files named
*_engines.py need their library and are loaded by fastrnn.bench.worker alone.
"""
