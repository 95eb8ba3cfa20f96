"""Rule score_merged_cnn: the merged network scores all kept images of a population."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.populations.learn_scores import score_kept
from ohlora_lib.runtime.device import default_device
from ohlora_lib.store.tables import write_table

table = score_kept(
    snakemake.input.images, snakemake.input.kept, snakemake.input.weights, device=default_device()
)
write_table(snakemake.output.csv, table)
