"""Methods that steer a finished generator, and the models that all methods end as."""

DIRECTION_METHODS = ("linear", "masked", "trained", "closed_loop")  # each starts from the last
RANDOM_LABELS = {"v6": 3, "v7": 3}  # VectorFind versions whose label means nothing, and its width
