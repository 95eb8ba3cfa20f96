"""Rule plot_funnel: how many images pass each stage."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.funnel import plot_funnel

plot_funnel(
    snakemake.output.picture,
    snakemake.input.filter,
    snakemake.input.segments,
    population=snakemake.wildcards.population,
)
