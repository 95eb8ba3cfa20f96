"""The folder of the model that is shipped: its parts, its best latents, its card."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from ohlora_lib.errors import InputError
from ohlora_lib.judging.identities import TOP
from ohlora_lib.methods.models import PARTS
from ohlora_lib.reporting.final_model import COLUMNS, THREE, collect_model
from ohlora_lib.store.checkpoints import save_checkpoint
from ohlora_lib.store.tables import read_table, write_table

METHOD = "directions_closed_loop"
JUDGED = TOP + 5


def write_run(folder: Path) -> dict:
    """Write what a run knows of a method; return the arguments of `collect_model`."""
    draw = np.random.default_rng(0)
    parts = {}
    for name in PARTS:
        parts[name] = folder / f"some_{name}.safetensors"
        save_checkpoint(parts[name], {"x": torch.rand(3)}, name, {}, {"samples": 6000})
    order = draw.permutation(JUDGED)
    ranks = np.arange(JUDGED)
    identities = {"rank": ranks + 1, "latent": order, "score": 0.9 - ranks / 100}
    write_table(folder / "identities.csv", pd.DataFrame({**identities, "passes": ranks < 7}))
    z = list(draw.standard_normal((JUDGED + 30, 4)).astype(np.float32))
    write_table(folder / "latents.parquet", pd.DataFrame({"latent": range(len(z)), "z": z}))
    rows = [
        {"method": method, "judge": judge, "rank": rank, "latents": JUDGED}
        for rank, method in enumerate(("finetune_v3", METHOD), 1)
        for judge in ("cnn", "segment")
    ]
    table = pd.DataFrame(rows).assign(**dict.fromkeys(THREE, 0.975), leakage_mean=0.04)
    table = table.assign(gates_v8=0.96, flips_any=0.013, good=np.nan)
    write_table(folder / "leaderboard.csv", table[[*COLUMNS, *THREE]])
    return {
        "method": METHOD,
        "parts": parts,
        "identities": folder / "identities.csv",
        "latents": folder / "latents.parquet",
        "leaderboard": folder / "leaderboard.csv",
        "domain": "embedded",
        "resolution": 64,
    }


def test_the_folder_holds_the_parts_and_the_best_latents(tmp_path):
    run = write_run(tmp_path)
    for folder in ("a", "b"):
        collect_model(tmp_path / folder, **run)
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert names == {*PARTS.values(), "latents.parquet", "README.md"}
    for name in names:
        content = (tmp_path / "a" / name).read_bytes()
        assert content == (tmp_path / "b" / name).read_bytes(), name
    for name, file in PARTS.items():
        assert (tmp_path / "a" / file).read_bytes() == run["parts"][name].read_bytes()
    best = read_table(tmp_path / "a/latents.parquet")
    assert best["rank"].tolist() == list(range(1, TOP + 1)) and best["passes"].sum() == 7
    order = read_table(run["identities"])["latent"][:TOP].tolist()
    assert best["latent"].tolist() == order
    known = read_table(run["latents"])["z"]
    assert all(np.array_equal(z, known[i]) for z, i in zip(best["z"], order, strict=True))


def test_the_card_says_what_it_is_and_how_good(tmp_path):
    run = write_run(tmp_path)
    collect_model(tmp_path / "model", **{**run, "parts": {"model": run["parts"]["model"]}})
    text = (tmp_path / "model/README.md").read_text()
    front = yaml.safe_load(text.split("---")[1])
    assert "64x64" in front["tags"] and front["library_name"] == "ohlora_lib"
    assert f"# Faces that obey: {METHOD}, domain embedded" in text
    assert "Rank 2 of 2 methods of its run" in text and "open_model(folder)" in text
    row = "| 0.97 0.97 0.97 | 0.97 0.97 0.97 | 96.0 % | 0.04 | 1.3 % | – % |"
    row = row.replace("0.97", f"{0.975:.2f}")
    assert f"| cnn {row}" in text and f"| segment {row}" in text
    assert '"samples": 6000' in text and "7 of 20 pass by all judges" in text
    assert "property_cnn.safetensors" not in text  # this method needs none
    assert not (tmp_path / "model" / PARTS["generator"]).exists()


def test_files_of_another_run_are_refused(tmp_path):
    run = write_run(tmp_path)
    with pytest.raises(InputError, match=r"leaderboard\.csv does not list finetune_v9"):
        collect_model(tmp_path / "model", **{**run, "method": "finetune_v9"})
    write_table(run["latents"], read_table(run["latents"])[:3])
    with pytest.raises(InputError, match=r"identities\.csv ranks latents that .* does not have"):
        collect_model(tmp_path / "model", **run)
    assert not (tmp_path / "model").exists()
