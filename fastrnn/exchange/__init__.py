"""Weights in the forms of other libraries: a file for each."""
