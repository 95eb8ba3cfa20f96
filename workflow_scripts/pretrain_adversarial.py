"""Rule pretrain_adversarial: a discriminator sharpens the generator."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from pathlib import Path

from ohlora_lib.pretraining.jobs import pretrain_adversarial
from ohlora_lib.runtime.device import default_device

pretrain_adversarial(
    Path(snakemake.input.pool[0]).parent,
    snakemake.input.paired,
    snakemake.output.generator,
    snakemake.output.discriminator,
    snakemake.params.state,
    options=snakemake.params.options,
    seed=snakemake.params.seed,
    device=default_device(),
    code=snakemake.params.code,
)
