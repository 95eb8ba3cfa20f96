"""Rule fit_directions: calibrated, decoupled directions, fitted one of several ways."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.methods.directions.fit import fit_directions
from ohlora_lib.runtime.device import default_device

fit_directions(
    snakemake.wildcards.directions,
    samples=snakemake.input.samples,
    generator=snakemake.input.generator,
    property_cnn=snakemake.input.property_cnn,
    classifiers=snakemake.input.classifiers,
    statistics=snakemake.input.statistics,
    path=snakemake.output.directions,
    metrics_path=snakemake.output.metrics,
    state=snakemake.params.state,
    seed=snakemake.params.seed,
    start=snakemake.input.start or None,
    rows=snakemake.params.samples,
    options=snakemake.params.options,
    batch_size=snakemake.params.batch_size,
    device=default_device(),
    code=snakemake.params.code,
)
