"""The Queue of many models in training, made from their RunRecipe."""

import numpy as np

from fastrnn.kernels.model_queue import CALLER, NOBODY, Queue

# In float32 a count of samples ends here.
MOST_PATIENCE = 1 << 24


def queue_for(recipe, seeds=None, results=None, judge=CALLER, first_limit=None):
    """Return the Queue of a RunRecipe's models, all of which wait; seeds: of each; results: the ModelResults with their
    initial weights, to which the kernels write. Without them no model waits."""
    config, count = recipe.config, len(recipe.options)
    return Queue(
        next=np.zeros(1, np.int64),
        order=np.zeros(0, np.int64) if seeds is None else np.arange(count),
        seeds=np.zeros(count, np.uint64) if seeds is None else seeds.astype(np.uint64),
        options=recipe.options,
        rates=recipe.varied["rate"],
        weights=np.zeros((count, len(recipe.rows)), recipe.dtype) if results is None else results.weights,
        rows=recipe.rows,
        samples_to_exact=np.full(count, -1) if results is None else results.samples_to_exact,
        began=np.zeros(count) if results is None else results.began,
        own_data=int(len(getattr(recipe.source, "x", "x")) > 1),
        stretch=recipe.stretch,
        batch=config.batch_size,
        limit=config.updates,
        # On their own data, models are checked after a number of updates, and the patience is set after that.
        first_limit=config.updates if first_limit is None else min(first_limit, config.updates),
        patience=float(patience_of(config.patience if first_limit is None and judge != NOBODY else 0)),
        judge=judge,
        stops=int(config.until == "exact"),
    )


def patience_of(samples):
    """Return the kernels' limit of samples without a mistake before a decision; 0 samples: no decision is requested."""
    return min(samples, MOST_PATIENCE) or np.inf
