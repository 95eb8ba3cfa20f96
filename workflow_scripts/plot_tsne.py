"""Rule plot_tsne: the samples that a search separates."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.tsne import draw_tsne

settings = snakemake.params.settings
draw_tsne(
    snakemake.output.picture,
    snakemake.input.samples,
    version=settings["version"],
    rows=settings["samples"],
    points=snakemake.params.points,
    seed=snakemake.params.seed,
    groups=settings["groups"],
    share=settings["share"],
)
