"""Names of the property scores; the scores themselves live in one module per property.

This file imports nothing on purpose: a job is rebuilt when the import closure of its property's
module changes, so an import here would tie all properties together. Call a score as

    from ohlora_lib.scores import eyes
    raw = eyes.v2(class_maps, images)  # [N, 224, 224], [N, 224, 224, 3] -> float64 [N]

Every property module offers `v1` and `v2` with this signature, `hairstyle` only `v2`. Algorithm v3
measures the controlled properties on the landmarks of a face mesh, `eyes.v3(landmarks)`; of the
others it is v2. A raw score is NaN where the published code fails or returns no number, or where
landmarks are missing; no input of the right shape raises or warns.
"""

# Canonical column order. Larger means: eyes more open, hair brighter, hair longer, mouth more
# open, head turned (v1, v3) or tilted (v2) to the right, background brighter, background more
# varied, hair curlier.
PROPERTIES = (
    "eyes",
    "hair_color",
    "hair_length",
    "mouth",
    "pose",
    "background_mean",
    "background_std",
    "hairstyle",
)

# The properties that the products control; the others only group images.
CONTROLLED = ("eyes", "mouth", "pose")

# The properties of each algorithm, in canonical order: v1 has no hairstyle.
ALGORITHMS = {"v1": PROPERTIES[:7], "v2": PROPERTIES, "v3": PROPERTIES}

# Every (algorithm, property) that is measured on landmarks [N, 478, 3] instead of class maps.
ON_LANDMARKS = tuple(("v3", name) for name in CONTROLLED)

# Every (algorithm, property) that exists, which is every function there is to call.
PAIRS = tuple((algorithm, name) for algorithm, names in ALGORITHMS.items() for name in names)
