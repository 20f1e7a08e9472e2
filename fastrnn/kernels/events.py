"""Why compiled code returns for a network in training, and what its caller asks for."""

# What happened: nothing; a streak of samples without a mistake; a loss that is not finite; the last update; weights
# that are not finite. What the caller asks for, of models side by side: to begin the lane's model, or the next one
# that waits, or to empty the lane. And that a request to stop was seen.
RUNNING, CLEAN, DIVERGED, ENDED, RUINED, BEGIN, NEXT, LEAVE, STOPPED = range(9)
