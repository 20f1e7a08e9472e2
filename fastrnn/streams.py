"""The streams of random numbers that one seed has, each for one purpose: numpy.random.Philox(key=[seed, STREAM])."""

# Bits of samples; rows of arrays; initial weights; operands that `evaluate` draws; lengths of the rows of a batch,
# which are those of seed 0 for all seeds; orders of sequences, one for each epoch; sequences on which networks are
# tested before a proof; and those that show which states they have.
SAMPLES, ROWS, WEIGHTS, OPERANDS, LENGTHS, ORDERS, COUNTEREXAMPLES, STATES = range(8)
