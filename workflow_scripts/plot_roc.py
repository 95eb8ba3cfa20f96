"""Rule plot_roc: ROC and training curves of one attribute."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.roc import plot_roc

plot_roc(
    snakemake.output.picture,
    snakemake.input.folds,
    snakemake.input.metrics,
    attribute=snakemake.wildcards.attribute,
    max_loss=snakemake.params.max_loss,
)
