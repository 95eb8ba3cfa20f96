"""Rule join_attributes: labels and predictions in one table."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.populations.filter import join_attributes

join_attributes(
    snakemake.input.labels,
    dict(zip(snakemake.params.attributes, snakemake.input.predictions, strict=True)),
    snakemake.output.table,
)
