"""Methods that steer a finished generator, and the models that all methods end as."""

# Way to fit directions -> whose steps it begins with. From trained ones the closed loop came no
# closer to what is asked for than from linear ones, and flipped the gender of twice as many faces.
DIRECTION_STARTS = {
    "linear": None,
    "masked": "linear",
    "trained": "masked",
    "closed_loop": "linear",
}
DIRECTION_METHODS = tuple(DIRECTION_STARTS)
RANDOM_LABELS = {"v6": 3, "v7": 3}  # VectorFind versions whose label means nothing, and its width
