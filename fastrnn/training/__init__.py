"""Training: `train` and `train_many`, which choose by the kind of data between `tasks` and `sequences`."""
