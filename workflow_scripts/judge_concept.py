"""Rule judge_concept: how many faces fit the concept, before and after a fine-tune."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.judging.concept import judge_concept
from ohlora_lib.runtime.device import default_device

judge_concept(
    {name: snakemake.input[name] for name in ("before", "after")},
    snakemake.input.get("annotator"),
    {name: snakemake.input[name] for name in snakemake.params.attributes},
    snakemake.output.document,
    count=snakemake.params.images,
    seed=snakemake.params.seed,
    published=snakemake.params.published,
    batch_size=snakemake.params.batch_size,
    device=default_device(),
)
