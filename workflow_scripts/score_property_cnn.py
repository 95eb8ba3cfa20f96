"""Rule score_property_cnn: the property CNN scores all kept images."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.networks.files import network_class
from ohlora_lib.populations.learn_scores import score_property_cnn
from ohlora_lib.runtime.device import default_device

score_property_cnn(
    snakemake.input.images,
    snakemake.input.kept,
    snakemake.input.scores,
    snakemake.input.weights,
    snakemake.input.log,
    snakemake.input.validation,
    snakemake.output.csv,
    snakemake.output.metrics,
    kind=network_class(snakemake.params.kind),
    published=snakemake.params.published,
    device=default_device(),
)
