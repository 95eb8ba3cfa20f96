"""Rule plot_runtimes: time and memory of each rule."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.runtimes import plot_runtimes

plot_runtimes(
    snakemake.output.picture,
    snakemake.output.csv,
    snakemake.params.benchmarks,
    leave_out=snakemake.params.leave_out,
)
