"""Rule train_property_cnn: the network that predicts property scores, or the hairstyle."""

from ohlora_lib.runtime.jobs import share_training, start_job

start_job(snakemake.log[0], 1, snakemake.resources.gpu)  # a thread for each process
share_training(snakemake.resources.gpu, snakemake.resources.processes)

from ohlora_lib.networks.files import network_class
from ohlora_lib.populations.learn_scores import train_property_cnn
from ohlora_lib.runtime.device import default_device

train_property_cnn(
    snakemake.input.images,
    snakemake.input.scores,
    snakemake.output.weights,
    snakemake.output.log,
    snakemake.output.validation,
    state_directory=snakemake.params.state,
    population=snakemake.params.population,
    options=snakemake.params.options,
    seed=snakemake.params.seed,
    kind=network_class(snakemake.params.kind),
    device=default_device(),
    segment_paths=snakemake.input.get("segments", ()),
    statistics_path=snakemake.input.get("statistics"),
    code=snakemake.params.code,
    arguments=snakemake.params.network,
)
