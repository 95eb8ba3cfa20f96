"""Rule randomise_label: a generator whose label means nothing, drawn once."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.methods.sampling import random_label_generator
from ohlora_lib.networks.files import load_generator, save_network

generator = load_generator(snakemake.input.generator)
randomised = random_label_generator(generator, snakemake.params.numbers, snakemake.params.seed)
save_network(snakemake.output.generator, randomised, {"seed": snakemake.params.seed})
