"""Rule import_weights: one part of a published file, converted."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.weights.convert import convert
from ohlora_lib.weights.entries import Part

convert(
    snakemake.input.file,
    Part(**snakemake.params.part),
    snakemake.output.weights,
    snakemake.params.sha256,
)
