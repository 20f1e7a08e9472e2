"""The streams of random numbers that one seed has, each for one purpose: numpy.random.Philox(key=[seed, STREAM])."""

# Bits of samples; rows of arrays; initial weights; operands that `evaluate` draws; lengths of the rows of a batch,
# which are those of seed 0 for all seeds; orders of sequences, one for each epoch; sequences on which networks are
# tested before a proof; and those that show which states they have.
SAMPLE_STREAM, ROW_STREAM, WEIGHT_STREAM, OPERAND_STREAM = range(4)
LENGTH_STREAM, ORDER_STREAM, SEARCH_STREAM, STATE_STREAM = range(4, 8)
