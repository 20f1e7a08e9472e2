"""JAX on a GPU: the programs of jax_engines, in float32 throughout, with the whole batch in each step."""

import os

os.environ["JAX_PLATFORMS"] = "cuda"

import jax  # noqa: E402
import jax_engines  # noqa: E402

# Without it, products are rounded to TF32, whose gradients are off by about a thousandth.
jax.config.update("jax_default_matmul_precision", "float32")
jax_engines.PIECE = 1 << 30

Grad, Handwritten, Models = jax_engines.Grad, jax_engines.Handwritten, jax_engines.Models
