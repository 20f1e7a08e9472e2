"""Training on Sequences of the user: any cell, any head, one network or thousands."""
