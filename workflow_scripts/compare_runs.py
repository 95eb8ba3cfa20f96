"""Rule compare: two runs on one page."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.compare import compare_runs

compare_runs(snakemake.output.page, results=snakemake.params.results, runs=snakemake.params.runs)
