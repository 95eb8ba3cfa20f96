"""Rule collect_metrics: metrics of all folds and the agreement with the truth."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.populations.classifier_metrics import collect_metrics

collect_metrics(
    snakemake.input.folds,
    snakemake.input.predictions,
    snakemake.input.labels,
    snakemake.input.get("annotator"),
    snakemake.output.metrics,
    attribute=snakemake.wildcards.attribute,
    published=snakemake.params.published,
)
