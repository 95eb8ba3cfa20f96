"""Rule draw_identities: the best identities of one method, as a picture and as a page."""

from pathlib import Path

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.identities_page import draw_identities

draw_identities(
    Path(snakemake.input.requests).parent,
    identities_path=snakemake.input.table,
    summary_path=snakemake.input.summary,
    picture=snakemake.output.picture,
    page=snakemake.output.page,
)
