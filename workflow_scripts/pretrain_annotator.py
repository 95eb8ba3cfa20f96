"""Rule pretrain_annotator: the annotator of the embedded domain."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from pathlib import Path

from ohlora_lib.pretraining.jobs import pretrain_annotator

pretrain_annotator(
    Path(snakemake.input.pool[0]).parent,
    Path(snakemake.input.held_out[0]).parent,
    snakemake.output.weights,
    snakemake.params.state,
    options=snakemake.params.options,
    seed=snakemake.params.seed,
    code=snakemake.params.code,
)
