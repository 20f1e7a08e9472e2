"""Decisions about each model, in compiled code: which weights were best, and which models have finished.

A model is evaluated every few rounds, on the loss of its validation sequences before the round's last update. It
is done after `patience` evaluations in a row that did not improve on the best one by more than min_delta, after
`limit` rounds, or when its training loss is not finite. On a plateau, `plateau_patience` evaluations in a row
without improvement, its learning rate is multiplied by `plateau_factor`, and they are counted from 0 again.
"""

# Rows of `progress`, one vector each: what the kernel keeps of each model between evaluations.
PROGRESS = ("best", "best_round", "since", "rounds", "diverged", "pending", "reduction", "waited")
# That of a model that waits for its first evaluation; all else is 0.
BEGINNING = {"best": float("inf"), "pending": 1.0, "reduction": 1.0}
# Rows of `criteria`, one for each model: what decides.
CRITERIA = (
    "train_scale",
    "validation_scale",
    "patience",
    "min_delta",
    "limit",
    "plateau_patience",
    "plateau_factor",
)
# Rows of sums over a round: losses and correct steps, each of training, validation and test sequences.
ROLES = 3
ROLE_SUMS = 2 * ROLES


def _begin(m, frame):
    """Let the waiting models take part from this evaluation on."""
    pending = m.load(frame.progress, PROGRESS.index("pending"))
    active = m.load(frame.active, 0)
    m.store(frame.active, 0, m.select(pending > 0.0, pending, active))
    m.store(frame.progress, PROGRESS.index("pending"), m.constant(0.0))


def decide(m, net, frame, every, entry, plateau=False):
    """Let the waiting models take part, and evaluate all active ones, as number `entry` of the history.

    Returns an Int whose bit i is set where model i has finished.
    """
    _begin(m, frame)

    def progress(name):
        return m.load(frame.progress, PROGRESS.index(name))

    def keep(name, value):
        m.store(frame.progress, PROGRESS.index(name), value)

    def criterion(name):
        return net.weight(m, frame.criteria, CRITERIA.index(name))

    def total(role):
        return net.weight(m, frame.sums, role)

    active = m.load(frame.active, 0)
    for row in range(ROLE_SUMS):
        m.store(frame.history, entry * ROLE_SUMS + row, total(row))
    train, validation = total(0) * criterion("train_scale"), total(1) * criterion("validation_scale")
    # Without validation sequences the training loss says which weights are best.
    validation = m.select(criterion("validation_scale") > 0.0, validation, train)
    diverged = m.select(train < float("inf"), m.constant(0.0), m.constant(1.0))
    improved = m.select(validation < progress("best") - criterion("min_delta"), active, 0.0)
    improved = m.select(diverged > 0.0, 0.0, improved)
    rounds = progress("rounds")
    keep("best", m.select(improved > 0.0, validation, progress("best")))
    keep("best_round", m.select(improved > 0.0, rounds, progress("best_round")))
    since = m.select(improved > 0.0, 0.0, progress("since") + active)
    keep("since", since)
    if plateau:
        waited = m.select(improved > 0.0, 0.0, progress("waited") + active)
        over = m.select(criterion("plateau_patience") > waited, 0.0, 1.0)
        reduction = progress("reduction")
        keep("reduction", m.select(over > 0.0, reduction * criterion("plateau_factor"), reduction))
        keep("waited", m.select(over > 0.0, 0.0, waited))
    keep("diverged", m.select(active > 0.0, diverged, progress("diverged")))
    for _ in m.when(m.mask_bits(improved > 0.0)):
        count = net.table.count if net.own_weights else -(-net.table.count // m.lanes)
        for row in m.range(count):
            m.store(frame.best, row, m.select(improved > 0.0, m.load(frame.theta, row), m.load(frame.best, row)))
    over = m.select(criterion("patience") > since, 0.0, 1.0)
    over = m.select(criterion("limit") > rounds, over, 1.0)
    over = m.select(diverged > 0.0, 1.0, over)
    done = m.select(active > 0.0, over, 0.0)
    still = m.select(done > 0.0, 0.0, active)
    m.store(frame.active, 0, still)
    keep("rounds", m.fma(still, m.from_integer(every), rounds))
    return m.mask_bits(done > 0.0)
