"""Rule read_attributes: what a method's pictures show besides the requested."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads, snakemake.resources.gpu)

from ohlora_lib.judging.identity_reader import load_identity
from ohlora_lib.judging.picture_attributes import load_reader, read_attributes
from ohlora_lib.runtime.device import default_device

read_attributes(
    load_reader(
        snakemake.input.get("annotator"), snakemake.input.get("classifiers", []), default_device()
    ),
    snakemake.input.requests,
    snakemake.input.pictures,
    snakemake.input.images,
    snakemake.input.filtered,
    snakemake.output.table,
    snakemake.output.quality,
    seed=snakemake.params.seed,
    crops=snakemake.params.crops,
    identity=load_identity(
        snakemake.input.get("identity"),
        snakemake.input.get("face_mesh"),
        snakemake.params.face_box,
        default_device(),
    ),
)
