"""Rule collect_model: the selected method's model, as a folder that a user ships."""

from pathlib import Path

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.final_model import collect_model

collect_model(
    Path(snakemake.output.card).parent,
    parts=dict(zip(snakemake.params.names, snakemake.input.parts, strict=True)),
    identities=snakemake.input.identities,
    latents=snakemake.input.latents,
    leaderboard=snakemake.input.leaderboard,
    **snakemake.params.model,
)
