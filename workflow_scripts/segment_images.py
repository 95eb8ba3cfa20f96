"""Rule segment_images: class maps of the kept images."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.populations.segment_images import segment
from ohlora_lib.runtime.device import default_device
from ohlora_lib.store.layout import shard_index

images = {shard_index(path): path for path in snakemake.input.images}
others = {key: snakemake.input[key] for key in snakemake.params.needs if key != "weights"}
segment(
    [images[shard_index(path)] for path in snakemake.output.shards],
    snakemake.input.kept,
    snakemake.output.shards,
    kind=snakemake.params.kind,
    weights=snakemake.input.weights,
    parsed_at_once=snakemake.params.batch,
    device=default_device(),
    options={**others, **snakemake.params.options},
)
