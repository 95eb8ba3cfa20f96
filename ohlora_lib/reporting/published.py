"""Figures that the reference study published, shown beside ours; nothing here loads torch.

Those of a population belong to its "original", 10,000 images of a StyleGAN trained on CelebA, or to
"v1", 15,000 images of FineTune-v1; of each 2,000 were labelled by hand. Those of networks and of
the concept are params of the rules whose results note them beside ours.
"""

from collections.abc import Sequence
from typing import Any

from ohlora_lib.scores import ALGORITHMS

# Images that pass each condition of the filter alone, and all; of v1 the labelled ones stood aside.
IMAGES = {"original": 10_000, "v1": 15_000}
CANDIDATES = {"original": 10_000, "v1": 13_000}
PASSED = {
    "original": {"gender": 5_157, "quality": 9_246},
    "v1": {"gender": 11_251, "quality": 12_147, "age": 6_857, "glass": 11_142},
}
KEPT = {"original": 4_703, "v1": 4_930}
FACES = {"original": 4_703, "v1": 4_930}

# Of the hand labels, how many are 1.
LABELLED = {"original": 2_000, "v1": 2_000}
LABELLED_YES = {
    "original": {"gender": 1_112, "quality": 1_905},
    "v1": {"gender": 1_805, "quality": 1_926, "age": 128, "glass": 103},
}

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

_METRICS = ("loss", "accuracy", "precision", "recall", "f1", "auroc")
# Of the attribute networks, means over the folds.
_CLASSIFIERS = {
    "original": {
        "gender": (0.2564, 0.9045, 0.8984, 0.9334, 0.9155, 0.9601),
        "quality": (0.0951, 0.9315, 0.9906, 0.9370, 0.9630, 0.9536),
    },
    "v1": {
        "gender": (0.0957, 0.9620, 0.9742, 0.9839, 0.9790, 0.9815),
        "quality": (0.0424, 0.9675, 0.9973, 0.9689, 0.9829, 0.9861),
        "age": (0.1551, 0.8915, 0.3327, 0.6877, 0.4482, 0.8853),
        "glass": (0.0579, 0.9765, 0.7242, 0.9029, 0.8016, 0.9894),
    },
}


def classifier(population: str, attribute: str) -> dict[str, float] | None:
    """Return the metrics of a population's attribute network, where they were published."""
    row = _CLASSIFIERS.get(population, {}).get(attribute)
    return None if row is None else dict(zip(_METRICS, row, strict=True))


def _by_property(outputs: Sequence[str], **figures: tuple[float, ...]) -> dict[str, dict]:
    """Return metrics by property from the rows of a table."""
    return {
        name: {metric: row[column] for metric, row in figures.items()}
        for column, name in enumerate(outputs)
    }


# Of the networks that predict scores: the best epoch on images that were not trained on, and all
# 4,703 images, 90 % of them trained on and scored with dropout on.
SCORE_NETWORKS: dict[str, dict[str, Any]] = {
    "property_cnn": {
        "validation": _by_property(
            ALGORITHMS["v1"],
            correlation=(0.8688, 0.9803, 0.9018, 0.9748, 0.9935, 0.9785, 0.6425),
            mae=(0.4059, 0.1487, 0.2745, 0.1490, 0.0716, 0.1448, 0.5310),
        ),
        "all": _by_property(
            ALGORITHMS["v1"],
            correlation=(0.9568, 0.9911, 0.9770, 0.9872, 0.9946, 0.9831, 0.9348),
            mae=(0.2146, 0.1019, 0.1450, 0.1185, 0.0701, 0.1377, 0.2358),
            rmse=(0.2909, 0.1368, 0.2138, 0.1596, 0.1053, 0.1843, 0.3564),
        ),
        "best_epoch": 107,
        "epochs": 128,
    },
    "hairstyle_cnn": {
        "validation": _by_property(["hairstyle"], correlation=(0.7669,), mae=(0.4144,)),
        "best_epoch": 18,
        "epochs": 64,
    },
}

# Of FineTune-v8, by the mean of the four classifiers' folds: first test and last epoch.
CONCEPT = {
    "before": {"gender": 0.8975, "quality": 0.9652, "age": 0.0616, "glass": 0.0576},
    "after": {"gender": 0.9878, "quality": 0.9900, "age": 0.0154, "glass": 0.0118},
}


def _three(metric: str, eyes: float, mouth: float, pose: float) -> dict[str, float]:
    return {f"{metric}_eyes": eyes, f"{metric}_mouth": mouth, f"{metric}_pose": pose}


_GRID8 = (
    "10 new latents × 8 requests together, mean of the last 300 tests; property CNN with dropout on"
)

# By method: figures under their names in the leaderboard, and the protocol they come from.
CONTROL = {
    "finetune_v1": {
        "women": 0.937,
        "protocol": "281 of 300 pictures are women; how they were drawn is not described",
    },
    "finetune_v3": {
        **_three("corr", 0.851, 0.697, 0.854),
        **_three("mae", 0.984, 0.634, 1.042),
        **_three("best_corr", 0.8928, 0.8582, 0.9318),
        **_three("best_mae", 0.9342, 0.4452, 1.2365),
        "gates_v3": 95 / 1050,
        "protocol": "grid of 50, property CNN with dropout on; mean: 30 latents of the adopted"
        " epoch; best latent: the adopted one; passing: 95 of 1,050 latents of 35 epochs",
    },
    "finetune_v4": {
        **_three("corr", 0.358, 0.075, 0.048),
        **_three("mae", 1.613, 1.034, 1.956),
        "protocol": "grid of 50 of one new latent a test, mean over epochs 69-78; property CNN with"
        " dropout on",
    },
    "finetune_v5_1": {
        **_three("grid8_corr", 0.056, -0.055, 0.245),
        **_three("grid8_mae", 1.576, 1.453, 1.736),
        "protocol": _GRID8,
    },
    "finetune_v5_2": {
        **_three("grid8_corr", 0.056, 0.051, 0.070),
        **_three("grid8_mae", 1.574, 1.371, 1.789),
        "protocol": _GRID8,
    },
    "finetune_v5_3": {
        **_three("grid8_corr", 0.065, 0.520, 0.307),
        **_three("grid8_mae", 1.574, 0.953, 1.659),
        "protocol": _GRID8,
    },
}
_PASSED_BY_OWN_GATES = "its own grid of 50 and gates, step lengths along unit vectors; mean of |r|"
CONTROL |= {
    "vectorfind_v6": {
        **_three("corr", 0.7265, 0.7302, 0.6272),
        "protocol": f"{_PASSED_BY_OWN_GATES}: 80 of 1,730 latents pass .75/.77/.80",
    },
    "vectorfind_v7": {
        **_three("corr", 0.9023, 0.8673, 0.7951),
        "protocol": f"{_PASSED_BY_OWN_GATES}: 58 of 2,400 latents pass .92/.88/.92",
    },
    "vectorfind_v8": {
        **_three("corr", 0.8744, 0.8465, 0.8735),
        "gates_v8": 49 / 2000,
        "protocol": f"{_PASSED_BY_OWN_GATES}: 49 of 2,000 latents pass .92/.88/.88",
    },
}


def control(method: str) -> dict[str, float | str]:
    """Return what was published of a method, by family and version; nothing of our own."""
    return CONTROL.get(method, {})
