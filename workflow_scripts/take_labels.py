"""Rule take_labels: the labels of a person, or of a simulated one."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.populations.labels import take_labels

take_labels(
    snakemake.output.labels,
    csv_path=snakemake.params.csv,
    command=snakemake.params.command,
    annotator_path=snakemake.input.get("annotator"),
    **snakemake.params.recipe,
)
