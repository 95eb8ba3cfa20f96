"""Rule plot_samples: pages of generated, labelled, refused and kept images."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.sample_pages import plot_samples

plot_samples(
    images=snakemake.input.images,
    labels=snakemake.input.labels,
    attributes=snakemake.input.attributes,
    filter_json=snakemake.input.filter,
    kept=snakemake.input.kept,
    names=snakemake.params.attributes,
    seed=snakemake.params.seed,
    generated_page=snakemake.output.generated,
    labelled_page=snakemake.output.labelled,
    refused_page=snakemake.output.refused,
    kept_page=snakemake.output.kept,
)
