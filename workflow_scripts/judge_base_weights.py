"""Rule judge_base_weights: generated faces against renders."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.pretraining.base_weights import judge_base_weights

judge_base_weights(
    snakemake.input.generator,
    snakemake.input.parser,
    snakemake.input.annotator,
    snakemake.output.metrics,
    snakemake.output.grid,
    count=snakemake.params.judged,
    seed=snakemake.params.seed,
)
