"""Rule pretrain_on_faces: parser, annotator or discriminator of faces64."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from pathlib import Path

from ohlora_lib.pretraining.faces import jobs

inputs = snakemake.input
given = {
    "parser": {"held_out": Path(inputs.held_out[0]).parent},
    "annotator": {"generator": inputs.generator, "labels": inputs.labels},
    "discriminator": {"generator": inputs.generator},
}
getattr(jobs, f"pretrain_{snakemake.wildcards.network}")(
    sorted({Path(file).parent for file in inputs.pools}, key=lambda folder: int(folder.name)),
    weights_path=snakemake.output.weights,
    state=snakemake.params.state,
    options=snakemake.params.options,
    seed=snakemake.params.seed,
    code=snakemake.params.code,
    **given[snakemake.wildcards.network],
)
