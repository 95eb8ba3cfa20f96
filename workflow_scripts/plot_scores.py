"""Rule plot_scores: distributions of the normalised scores, and algorithm v1 against v2."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.algorithm_agreement import plot_agreement
from ohlora_lib.reporting.histograms import plot_histograms

plot_histograms(snakemake.output.histograms, snakemake.input.v1, snakemake.input.v2)
plot_agreement(
    snakemake.output.agreement,
    snakemake.input.v1,
    snakemake.input.v2,
    population=snakemake.wildcards.population,
)
