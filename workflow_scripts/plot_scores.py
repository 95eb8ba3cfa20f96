"""Rule plot_scores: distributions of the normalised scores, and algorithm v1 against v2."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.algorithm_agreement import plot_agreement
from ohlora_lib.reporting.histograms import plot_histograms

scores = dict(zip(snakemake.params.algorithms, snakemake.input.scores, strict=True))
plot_histograms(snakemake.output.histograms, scores)
plot_agreement(
    snakemake.output.agreement,
    scores["v1"],
    scores["v2"],
    population=snakemake.wildcards.population,
)
