"""Rule plot_property_cnn: the property CNN against the segmentation, and how it learned."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.score_regression_figure import plot_property_cnn

plot_property_cnn(
    snakemake.output.picture,
    snakemake.input.scores,
    snakemake.input.found,
    snakemake.input.validation,
    snakemake.input.log,
    snakemake.input.metrics,
)
