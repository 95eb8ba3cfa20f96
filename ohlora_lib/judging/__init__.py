"""Metrics and protocols."""

JUDGES = {  # what each judge looks through, in words
    "cnn": "the property CNN",  # which methods are taught by
    "segment": "segmentation",  # class maps and algorithm v2, which no method has seen
}
