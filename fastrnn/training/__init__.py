"""Training on sequences of the user: any cell, any head, one network or thousands."""
