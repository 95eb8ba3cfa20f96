"""The model that a run ships: a folder with all that it needs, its best latents, a model card."""

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ohlora_lib.errors import InputError, rebuild
from ohlora_lib.judging.identities import TOP
from ohlora_lib.methods.models import PARTS
from ohlora_lib.scores import CONTROLLED
from ohlora_lib.store.atomic import atomic_path
from ohlora_lib.store.checkpoints import read_checkpoint
from ohlora_lib.store.tables import read_table, write_table

HOLDS = {
    "model": "the method itself",
    "generator": "the generator that it moves in",
    "property_cnn": "the network that predicts the scores of a face",
}
COLUMNS = ("method", "rank", "latents", "judge", "gates_v8", "leakage_mean", "flips_any", "good")
THREE = tuple(f"{figure}_{name}" for figure in ("corr", "slope") for name in CONTROLLED)


def collect_model(
    folder: str | Path,
    method: str,
    parts: Mapping[str, str | Path],
    identities: str | Path,
    latents: str | Path,
    leaderboard: str | Path,
    domain: str,
    resolution: int,
) -> None:
    """Write the folder of a finished model, which `methods.models.open_model` opens.

    Args:
        folder: where to write: the parts as `models.PARTS` names them; `latents.parquet`, the best
            latents with `rank`, `latent` (number), `score`, `passes` and `z`; and `README.md`.
        method: whose model it is.
        parts: its checkpoint as `model` and, where that needs them, `generator` and `property_cnn`.
        identities: see `judging.identities`.
        latents: all latents of the method's evaluation, by number.
        leaderboard: see `reporting.leaderboard`.
        domain: name of the domain.
        resolution: of its pictures, pixels a side.

    Raises:
        InputError: a file is missing or damaged, or tables are not of one run.
    """
    folder = Path(folder)
    best = read_table(identities, ["rank", "latent", "score", "passes"]).head(TOP)
    known = read_table(latents, ["latent", "z"]).set_index("latent")["z"]
    if not best["latent"].isin(known.index).all():
        raise InputError(
            f"{identities} ranks latents that {latents} does not have; {rebuild(identities)}"
        )
    table = read_table(leaderboard, [*COLUMNS, *THREE])
    if method not in set(table["method"]):
        raise InputError(f"{leaderboard} does not list {method}; {rebuild(leaderboard)}")
    provenance = read_checkpoint(parts["model"]).provenance
    for name, source in parts.items():
        with atomic_path(folder / PARTS[name]) as part:
            shutil.copyfile(source, part)
    write_table(folder / "latents.parquet", best.assign(z=known.loc[best["latent"]].tolist()))
    card = _card(method, list(parts), best, table, provenance, domain, resolution)
    with atomic_path(folder / "README.md") as part:
        part.write_text(card, encoding="utf-8")


def _card(
    method: str,
    parts: list[str],
    best: pd.DataFrame,
    table: pd.DataFrame,
    provenance: dict,
    domain: str,
    resolution: int,
) -> str:
    rows = table[table["method"] == method]
    files = [f"| `{PARTS[name]}` | {HOLDS[name]} |" for name in parts]
    passing = int(best["passes"].sum())
    first = int(best["latent"].iloc[0])
    measured = "\n".join(_measured(row) for _, row in rows.iterrows())
    three = ", ".join(CONTROLLED)
    return f"""---
library_name: ohlora_lib
tags: [stylegan, synthetic-faces, controllable-generation, {resolution}x{resolution}]
---
# Faces that obey: {method}, domain {domain}

Draws a face from a latent (who it is) and three numbers: how open the eyes are, how open the mouth
is, how the head is tilted. 0 is the mean of the population, 1 a standard deviation; −2 to 2 was
tested.

| file | holds |
|---|---|
{chr(10).join(files)}
| `latents.parquet` | the best judged latents; {passing} of {len(best)} pass by all judges |

## How to drive it

```python
from pathlib import Path

import numpy as np
import pandas as pd
from ohlora_lib.methods.models import open_model

folder = Path("results/model")  # this one
model = open_model(folder)
best = pd.read_parquet(folder / "latents.parquet")
who = np.stack(best["z"][:1])  # latent {first}, the best
face = model.draw(who, np.float32([[1.5, 0.0, -1.0]]))[0]  # eyes, mouth, pose; uint8 RGB
```

## Measured

Rank {rows["rank"].iloc[0]} of {table["method"].nunique()} methods of its run, over
{rows["latents"].iloc[0]} random latents. Judge `cnn` is the property CNN, with which most methods
learn; `segment` parses the picture and measures it, which no method has seen.

| judge | correlation {three} | slope | pass the v8 gates | leakage | flips | good |
|---|---|---|---|---|---|---|
{measured}

## Limits

The faces are no persons: all are generated. What the base generator hardly draws, this model does
not draw either. Beyond −2 to 2 nothing was measured. The licence is that of the base generator, see
docs/weights.md and resources/embedded/README.md.

## Provenance

```json
{json.dumps(provenance, indent=2, sort_keys=True)}
```
"""


def _measured(row: pd.Series) -> str:
    """Return what one judge says, as a row of the card's table."""
    numbers = [_number(row[name]) for name in (*THREE, "leakage_mean")]
    gates, flips, good = (_number(100 * row[n], 1) for n in ("gates_v8", "flips_any", "good"))
    cells = [row["judge"], " ".join(numbers[:3]), " ".join(numbers[3:6]), f"{gates} %", numbers[6]]
    return f"| {' | '.join([*cells, f'{flips} %', f'{good} %'])} |"


def _number(value: float, decimals: int = 2) -> str:
    return f"{value:.{decimals}f}" if math.isfinite(value) else "–"
