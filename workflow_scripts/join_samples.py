"""Rule join_samples: the parts that several jobs drew, in one file."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.store.samples import join_samples

join_samples(snakemake.input.parts, snakemake.output.samples)
