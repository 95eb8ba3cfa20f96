"""Training of the weights that are shipped; never part of a run."""
