"""The pools of portraits that the drawn domain's weights are trained on; torch-free."""

from typing import Any

from ohlora_lib.store.results import Results

ARRAYS = ("z", "images", "class_maps", "attributes")  # the files of a pool, .npy


def pretraining_pools(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the arguments of every pool, see `portrait_pool.draw_pool`, by its name.

    Args:
        config: with defaults.
    """
    sizes = config["pretrain"]
    side = sizes["network"]["resolution"]
    plain = {"z_dim": sizes["network"]["z_dim"], "side": side, "balanced": False}
    parsing = {**plain, "map_side": 2 * side}
    reading = {**plain, "map_side": 8}
    return {
        "generator": {**plain, "map_side": side, "count": sizes["portraits"]},
        "parser": {**parsing, "count": sizes["parsing_portraits"]},
        "parser_held_out": {**parsing, "count": sizes["held_out"]},
        "annotator": {**reading, "count": sizes["reading_portraits"], "balanced": True},
        "annotator_held_out": {**reading, "count": sizes["held_out"]},
    }


def pool_files(results: Results, pool: str) -> list[str]:
    """Return the files of a pool, in the order of `ARRAYS`."""
    return [results("pool", pool=pool, array=array) for array in ARRAYS]
