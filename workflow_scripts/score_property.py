"""Rule score_property: raw scores of one property by one algorithm."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.populations.score_property import measure

measure(
    snakemake.input.segments,
    snakemake.input.images,
    snakemake.output.scores,
    algorithm=snakemake.wildcards.algorithm,
    property_name=snakemake.wildcards.property,
    options=snakemake.params.options,
)
