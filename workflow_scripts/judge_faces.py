"""Rule judge_faces: head pose and attributes of a method's pictures, as FaceXFormer sees them."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.judging.judges.facexformer import judge_faces
from ohlora_lib.networks.facexformer_segmenter import load
from ohlora_lib.runtime.device import default_device

judge_faces(
    load(
        snakemake.input.weights,
        snakemake.input.get("detector"),
        snakemake.params.batch,
        default_device(),
    ),
    snakemake.input.requests,
    snakemake.input.pictures,
    snakemake.output.per_latent,
    snakemake.output.summary,
    method=snakemake.wildcards.method,
    bootstrap=snakemake.params.bootstrap,
    seed=snakemake.params.seed,
)
