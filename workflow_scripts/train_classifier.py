"""Rule train_classifier: one fold of one attribute, or a finished network in its place."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.populations.classify import train_classifier
from ohlora_lib.runtime.device import default_device

train_classifier(
    snakemake.input.images,
    snakemake.input.labels,
    snakemake.output.weights,
    snakemake.output.metrics,
    attribute=snakemake.wildcards.attribute,
    fold=int(snakemake.wildcards.fold),
    seed=snakemake.params.seed,
    state_directory=snakemake.params.state,
    options=snakemake.params.options,
    start=snakemake.input.get("start"),
    finished=snakemake.params.finished,
    device=default_device(),
    code=snakemake.params.code,
)
