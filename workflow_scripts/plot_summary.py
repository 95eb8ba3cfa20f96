"""Rule plot_summary: key figures beside the published ones."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.summary import write_summary

write_summary(
    snakemake.output.picture,
    snakemake.output.csv,
    snakemake.output.json,
    population=snakemake.wildcards.population,
    labels=snakemake.input.labels,
    filter_json=snakemake.input.filter,
    segments=snakemake.input.segments,
    metrics=dict(zip(snakemake.params.attributes, snakemake.input.metrics, strict=True)),
    scores=dict(zip(snakemake.params.algorithms, snakemake.input.scores, strict=True)),
)
