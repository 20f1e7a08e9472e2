"""How far a kernel's hidden states and logits may be from those of real arithmetic.

**Lemma** (N. J. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed., SIAM 2002, section 3.1 and
problem 4.2; C.-P. Jeannerod and S. M. Rump, SIAM J. Matrix Anal. Appl. 34, 2013). A sum of n products
a_i b_i, in floating point with unit roundoff u, each product rounded or fused into an addition, added in any
order, by any tree, has

    |computed - sum a_i b_i| <= gamma_n sum |a_i b_i| + n eta,    gamma_n = n u / (1 - n u),

for each term passes through at most n roundings, (1 + d) with |d| <= u or its underflow of at most eta, and
a fused multiply-add rounds once where it could twice. Terms that are zero, such as the padding of a vector,
round nothing. u = 2**-24 and eta = 2**-126 for float32 (a machine may flush subnormals to zero), u = 2**-53 and
eta = 2**-1022 for float64.

A pre-activation is such a sum of n = I + H + 2 terms: inputs (0 or 1), fed-back states, two biases. A
logit is one of n = H + 1. So the bound holds for the batched, the online and the streaming kernels alike, which
differ in the order of their additions only, biases first or last, products fused or not. A state is f of the
pre-activation to within the error that fastrnn.simd.functions states as measured; four times as much is allowed for, since
it was measured on samples and with fused multiply-adds; without them the tests measure hardly more.

The prover computes in float64 itself, where the same lemma bounds its own errors: see `Rounding.own`.
"""

from typing import NamedTuple

import numpy as np

UNIT = {"float32": 2.0**-24, "float64": 2.0**-53}
UNDERFLOW = {"float32": 2.0**-126, "float64": 2.0**-1022}

# Pre-activations beyond this could overflow in float32 on their way: no proof is attempted.
LARGEST = 1e30

# A logit must be so far from zero that its sigmoid, rounded in float32, is on the right side of 1/2 as well.
LEAST_MARGIN = 2.0**-18


def gamma(n, u):
    """n u / (1 - n u), rounded up."""
    return float(np.nextafter(n * u / (1 - n * u), 1.0))


class Rounding(NamedTuple):
    """The kernels' errors for one model: gamma_pre, gamma_out, underflow (for the whole sum), activation."""

    gamma_pre: float
    gamma_out: float
    underflow: float
    activation: float

    @classmethod
    def of(cls, model):
        """The Rounding of a model whose cell states its activation's error."""
        dtype, inputs, hidden = str(model.dtype), model.input_size, model.hidden_size
        terms = inputs + hidden + 2
        return cls(gamma(terms, UNIT[dtype]), gamma(hidden + 1, UNIT[dtype]), terms * UNDERFLOW[dtype],
                   model.cell.activation_error(dtype))


def own(n):
    """What to add to gamma_n for the prover's own sums of n products, and the factor that covers the rounding of a
    radius: both several times what the lemma asks for."""
    return 4 * gamma(n + 8, UNIT["float64"]), 1 + 8 * gamma(n + 8, UNIT["float64"])
