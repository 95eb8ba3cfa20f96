"""Rule score_pictures: one judge's scores of a method's pictures."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.judging.measure import load_judge, score_pictures
from ohlora_lib.runtime.device import default_device

others = {
    name: path
    for name, path in snakemake.input.items()
    if name not in ("weights", "requests", "pictures")
}
score_pictures(
    load_judge(
        snakemake.wildcards.judge,
        snakemake.input.weights,
        default_device(),
        {**snakemake.params.measuring, **others},
    ),
    snakemake.input.requests,
    snakemake.input.pictures,
    snakemake.output.table,
)
