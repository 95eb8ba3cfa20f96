"""What the jobs of the faces' pretraining read; torch-free."""

from typing import Any

from ohlora_lib.store.results import Results

ARRAYS = ("z", "images", "landmarks", "class_maps", "attributes")  # the files of a pool, .npy


def labelling_wheels(results: Results) -> dict[str, str]:
    """Return the wheels that faces are labelled with, by the key of their package."""
    names = ("mediapipe", "age_gender")
    return {name: results("pretrained", file=f"packages/{name}.whl") for name in names}


def pools(config: dict[str, Any], results: Results) -> dict[str, list[str]]:
    """Return the files of the pools that are learnt from, and of the one that is held out."""
    parts = config["pretrain"]["faces"]["parts"]

    def files(part: int) -> list[str]:
        return [results("pretrained", file=f"faces/{part}/{array}.npy") for array in ARRAYS]

    learnt = [file for part in range(parts) for file in files(part)]
    return {"learnt": learnt, "held_out": files(parts)}
