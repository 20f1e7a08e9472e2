"""Training on one's own sequences: any cell, any head, one network or thousands."""
