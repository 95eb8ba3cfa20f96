"""Rule draw_portraits: a pool of renders to train on."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from pathlib import Path

from ohlora_lib.pretraining.portrait_pool import draw_pool
from ohlora_lib.seeds import derive_seed

draw_pool(
    Path(snakemake.output.images).parent,
    seed=derive_seed(snakemake.params.seed, "pool", snakemake.wildcards.pool),
    **snakemake.params.options,
)
