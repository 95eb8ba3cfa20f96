"""Rule plot_training_curves: losses and correlations of one fine-tune."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.training_curves import plot_training_curves

plot_training_curves(
    snakemake.output.picture, snakemake.input.log, version=snakemake.wildcards.version
)
