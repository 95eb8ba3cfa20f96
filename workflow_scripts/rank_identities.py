"""Rule rank_identities: which latents of one method make the best people."""

from pathlib import Path

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.judging.identities import rank_identities

rank_identities(
    Path(snakemake.input.requests).parent,
    judges=snakemake.params.judges,
    path=snakemake.output.table,
    summary_path=snakemake.output.summary,
)
