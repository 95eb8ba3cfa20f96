"""Rule adopt_generator: a fine-tuned generator of somebody else, as ours are stored."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.methods.reference.adopt import adopt_generator

adopt_generator(snakemake.input.generator, snakemake.output.generator, **snakemake.params.options)
