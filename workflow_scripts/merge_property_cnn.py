"""Rule merge_property_cnn: one network for all eight scores."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.populations.learn_scores import merge_networks

merge_networks(
    snakemake.input.property_cnn, snakemake.input.hairstyle_cnn, snakemake.output.weights
)
