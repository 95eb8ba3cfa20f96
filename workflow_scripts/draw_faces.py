"""Rule draw_faces: faces, and what published networks say of them."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from pathlib import Path

from ohlora_lib.pretraining.faces.pool import draw_faces

draw_faces(
    snakemake.input.generator,
    snakemake.input.face_mesh,
    {name: snakemake.input[name] for name in ("mediapipe", "age_gender")},
    Path(snakemake.output.z).parent,
    seed=snakemake.params.seed,
    part=int(snakemake.wildcards.part),
    **snakemake.params.options,
)
