"""The labelling page: a person answers yes/no questions on the images of a population."""
