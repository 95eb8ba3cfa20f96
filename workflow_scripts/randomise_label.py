"""Rule randomise_label: a generator whose label means nothing, drawn once."""

from ohlora_lib.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.control.sampling import random_label_generator
from ohlora_lib.networks import load_network, save_network
from ohlora_lib.networks.stylegan_generator import StyleGANGenerator

generator = load_network(snakemake.input.generator, StyleGANGenerator.kind)
randomised = random_label_generator(generator, snakemake.params.numbers, snakemake.params.seed)
save_network(snakemake.output.generator, randomised, {"seed": snakemake.params.seed})
