"""Rule plot_concept: what fine-tuning on the chosen faces changes."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.concept_figure import plot_concept

plot_concept(snakemake.output.picture, snakemake.input.document)
