"""Rule normalise_scores: z-scores of all properties in one CSV."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.populations.normalise import normalise

normalise(
    dict(zip(snakemake.params.properties, snakemake.input.scores, strict=True)),
    snakemake.output.csv,
    snakemake.output.statistics,
)
