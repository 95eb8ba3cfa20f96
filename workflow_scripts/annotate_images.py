"""Rule annotate_images: the simulated annotator looks at every image."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.populations.annotate import annotate
from ohlora_lib.runtime.device import default_device

annotate(
    snakemake.input.weights,
    snakemake.input.images,
    snakemake.output.table,
    device=default_device(),
)
