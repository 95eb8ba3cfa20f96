"""Rule find_vectors: directions per group of faces, as VectorFind finds them."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.methods.vectorfind.search import search
from ohlora_lib.runtime.device import default_device

search(
    snakemake.params.settings["version"],
    samples=snakemake.input.samples,
    generator=snakemake.input.generator,
    property_cnn=snakemake.input.property_cnn,
    path=snakemake.output.vectors,
    metrics_path=snakemake.output.metrics,
    seed=snakemake.params.seed,
    rows=snakemake.params.settings["samples"],
    groups=snakemake.params.settings["groups"],
    share=snakemake.params.settings["share"],
    batch_size=snakemake.params.batch_size,
    device=default_device(),
)
