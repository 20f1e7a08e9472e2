"""From the gradient of a single sample to the next weights, as a compiled function of its own.

Apart from the loop over updates, so that it can be compiled for one network alone.
"""

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.protocol import corrections
from fastrnn.kernels.reference import held
from fastrnn.kernels.update import norm_of, squared_norm, update
from fastrnn.simd import put

SOUND, UNMADE, RUINED = 0, 1, 2


@jit
def descend_one(descent, loss, rate, clip, step):
    """Update number `step` with a gradient that has at most the norm `clip`.

    sound[0] = UNMADE instead where loss or norm is not finite, RUINED after it where the weights are not.

    descent: a Reference to (optimizer, shrinking, layout, theta, following, gradient, live, first, second, sound),
    whose gradient is as learn_one leaves it; the next weights go to `following`.
    """
    optimizer, shrinking, layout, theta, following, gradient, live, first, second, sound = held(descent)
    norm = norm_of(layout, gradient, live, squared_norm(layout, gradient, live))
    if not (np.isfinite(loss) and np.isfinite(norm)):
        put(sound, 0, UNMADE)
        return
    scale = clip / norm if norm > clip else 1.0
    if not update(optimizer, shrinking, layout, theta, following, gradient, live, first, second, rate, scale,
                  corrections(optimizer, step)):
        put(sound, 0, RUINED)
