"""Rules finetune_*: one version of the fine-tuned generator."""

from ohlora_lib.runtime.jobs import share_training, start_job

start_job(snakemake.log[0], 1, snakemake.resources.gpu)  # a thread for each process
share_training(snakemake.resources.gpu, snakemake.resources.processes)

from ohlora_lib.methods.finetune.job import finetune
from ohlora_lib.methods.finetune.options import FinetuneOptions
from ohlora_lib.runtime.device import default_device

finetune(
    snakemake.params.folder,
    snakemake.params.state,
    images=snakemake.input.images,
    scores=snakemake.input.scores,
    generator=snakemake.input.generator,
    property_cnn=snakemake.input.property_cnn,
    discriminator=snakemake.input.discriminator or None,
    attribute_cnns=snakemake.input.attribute_cnns,
    wanted=snakemake.params.wanted,
    name=snakemake.wildcards.version,
    recipe=snakemake.params.recipe,
    options=FinetuneOptions(**snakemake.params.options),
    seed=snakemake.params.seed,
    code=snakemake.params.code,
    device=default_device(),
)
