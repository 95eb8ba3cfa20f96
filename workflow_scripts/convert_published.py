"""Rule convert_published: the published generator and face mesh as checkpoints of ours."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.pretraining.face_mesh_weights import convert_face_mesh
from ohlora_lib.pretraining.faces.jobs import convert_generator

convert_generator(snakemake.input.gan, snakemake.output.generator, snakemake.params.seed)
convert_face_mesh(snakemake.input.mediapipe, snakemake.output.face_mesh)
