"""Bounds of the rounding errors of the kernels' hidden states and logits.

**Lemma** (N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., SIAM 2002, section 3.1 and
problem 4.2; C.-P. Jeannerod and S. M. Rump, SIAM J. Matrix Anal. Appl. 34, 2013). Let u be the unit roundoff, eta the
smallest normal number, and S = sum |a_i b_i| of n finite products be below LARGEST. Their sum in floating point, each
product rounded or fused into an addition, added in any order, by any tree, is finite, and

    |computed - sum a_i b_i| <= gamma_n S + U,    gamma_n = n u / (1 - n u),    U = 2 n eta (3 + max |a_i| + max |b_i|).

- Rounding: each term passes through at most n roundings, (1 + d) with |d| <= u; a fused multiply-add rounds once
  where it could twice. Terms that are zero, such as the padding of a vector, round nothing.
- Overflow: by the same bound no partial sum exceeds (1 + gamma_n) S, at most 2 S, which is a small part of the largest
  number. So nothing becomes infinite, and nothing is a NaN, which takes an infinity.
- Underflow: a machine may take subnormal operands for zero and flush subnormal results to zero. A product then loses at
  most eta (|a_i| + |b_i| + 1), an addition eta, and the roundings that follow at most double what was lost. With
  gradual underflow it is less.

A pre-activation is such a sum of n = I + H + 2 terms: inputs (0 or 1), fed-back states, two biases. A
logit is one of n = H + 1. So the bound holds for the batched, the online and the streaming kernels alike, which
differ in the order of their additions only, biases first or last, products fused or not. Sigmoid and tanh clamp their
argument: for every finite one, a state is f of the pre-activation to within the error that fastrnn.simd.functions
states as measured; at least four times as much is allowed for, since it was measured on samples and with fused
multiply-adds; without them the tests measure hardly more. The states of relu have no bound of their own: how large they
get, the boxes say. Each sum and product of a cell's formula is one of two terms.

The prover computes in float64 itself, where the same lemma bounds its own errors: see `own`.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.formula.intervals import Errors

UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}
UNDERFLOW = {"float32": 2.0**-126, "float64": 2.0**-1022}

# Sums of magnitudes in a step must stay below this, far from the largest numbers, 2**128 and 2**1024.
LARGEST = {"float32": 2.0**120, "float64": 2.0**1000}

# Absolute errors of functions on SIMD vectors that proofs allow for, and the checker asks for: at least four times what
# fastrnn.simd.functions states.
ALLOWED = {"sigmoid": {"float32": 8e-7, "float64": 6.8e-16}, "tanh": {"float32": 6e-7, "float64": 1.12e-15}}

# A logit must be so far from zero that its sigmoid, rounded in float32, is on the right side of 1/2 as well.
LEAST_MARGIN = 2.0**-18


def gamma(n, u):
    """Return n u / (1 - n u), rounded up."""
    return float(np.nextafter(n * u / (1 - n * u), 1.0))


def operations(dtype):
    """Return the Errors of the kernels' operations and functions in float32 or float64."""
    functions = {op: (0.0, errors[dtype]) for op, errors in ALLOWED.items()}
    return Errors(UNIT[dtype], UNDERFLOW[dtype], functions, dtype)


class Rounding(NamedTuple):
    """The kernels' errors for one model: gamma_pre, gamma_out, underflow (n eta), and the Errors of single
    operations."""

    gamma_pre: float
    gamma_out: float
    underflow: float
    operations: Errors

    @classmethod
    def of(cls, model):
        """Return the Rounding of a model."""
        dtype, inputs, hidden = str(model.dtype), model.input_size, model.hidden_size
        terms = inputs + hidden + 2
        return cls(
            gamma(terms, UNIT[dtype]), gamma(hidden + 1, UNIT[dtype]), terms * UNDERFLOW[dtype], operations(dtype)
        )


def own(n):
    """Return what to add to gamma_n for the prover's own sums of n products, and the factor that covers the rounding of
    a radius: both several times the lemma's bound."""
    return 4 * gamma(n + 8, UNIT["float64"]), 1 + 8 * gamma(n + 8, UNIT["float64"])
