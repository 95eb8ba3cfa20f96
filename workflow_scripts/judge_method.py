"""Rule judge_method: what one judge's measurements of one method come to."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

import importlib

(summary,) = snakemake.params.modules
importlib.import_module(summary).judge_method(
    snakemake.input.requests,
    snakemake.input.measured,
    snakemake.input.attributes,
    snakemake.input.quality,
    snakemake.output.per_latent,
    snakemake.output.summary,
    method=snakemake.wildcards.method,
    judge=snakemake.wildcards.judge,
    bootstrap=snakemake.params.bootstrap,
    seed=snakemake.params.seed,
)
