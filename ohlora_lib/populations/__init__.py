"""The data half: generate, label, filter, segment and score a population of images."""
