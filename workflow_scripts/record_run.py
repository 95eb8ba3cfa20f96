"""Rule record_run: what a run was made with."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.run_record import write_run_record

write_run_record(
    snakemake.output.configuration,
    snakemake.output.record,
    config=snakemake.params.resolved,
    commit=snakemake.params.commit,
    environment=snakemake.params.environment,
)
