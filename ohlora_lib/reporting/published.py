"""Figures that the reference study published, shown beside ours (spec sections 1, 2 and 4.3).

They belong to its population "original": 10,000 images of a StyleGAN trained on CelebA, of which
2,000 were labelled by hand. Means of the attribute networks travel in their metrics.json.
"""

# Images that pass each condition of the filter alone (gender >= 0.7, quality >= 0.9), and both.
IMAGES = {"original": 10_000}
PASSED = {"original": {"gender": 5_157, "quality": 9_246}}
KEPT = {"original": 4_703}
FACES = {"original": 4_703}

# Of the hand labels, how many are 1.
LABELLED = {"original": 2_000}
LABELLED_YES = {"original": {"gender": 1_112, "quality": 1_905}}

# Pearson correlation of the z-scores of algorithms v1 and v2 over the kept images.
CORRELATION = {
    "original": {
        "eyes": 0.902,
        "hair_color": 0.694,
        "hair_length": 0.960,
        "mouth": 0.900,
        "pose": 0.689,
        "background_mean": 0.975,
        "background_std": 0.775,
    }
}
