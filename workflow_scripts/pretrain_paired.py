"""Rule pretrain_paired: the generator learns to draw what the renderer draws."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from pathlib import Path

from ohlora_lib.pretraining.jobs import pretrain_paired
from ohlora_lib.runtime.device import default_device

pretrain_paired(
    Path(snakemake.input.pool[0]).parent,
    snakemake.output.weights,
    snakemake.params.state,
    network=snakemake.params.network,
    options=snakemake.params.options,
    seed=snakemake.params.seed,
    device=default_device(),
    code=snakemake.params.code,
)
