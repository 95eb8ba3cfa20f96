"""Rule predict_attribute: all folds of one attribute look at every image."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.populations.classify import predict_attribute
from ohlora_lib.runtime.device import default_device

predict_attribute(
    snakemake.input.weights,
    snakemake.input.images,
    snakemake.output.table,
    device=default_device(),
)
