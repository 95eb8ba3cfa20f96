"""Rule encode_faces: the latents around which somebody else's autoencoder is judged."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.methods.reference.adopt import encode_faces
from ohlora_lib.runtime.device import default_device

encode_faces(
    snakemake.input.encoder,
    images=snakemake.input.images,
    scores=snakemake.input.scores,
    path=snakemake.output.posterior,
    version=snakemake.params.version,
    resolution=snakemake.params.resolution,
    device=default_device(),
)
