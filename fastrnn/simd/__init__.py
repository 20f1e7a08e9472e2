"""Vectors of floats, their arithmetic and mathematics, as LLVM instructions; a few integer instructions."""
