"""Rule draw_pictures: every picture that a method is judged by."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.judging.draw import draw_pictures
from ohlora_lib.runtime.device import default_device

draw_pictures(
    snakemake.input.model,
    snakemake.input.get("posterior"),
    snakemake.output.requests,
    snakemake.output.latents,
    snakemake.output.pictures,
    seed=snakemake.params.seed,
    generator=snakemake.input.get("generator"),
    property_cnn=snakemake.input.get("property_cnn"),
    batch_size=snakemake.params.batch_size,
    device=default_device(),
    **snakemake.params.counts,
)
