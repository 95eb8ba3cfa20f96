# Judging: every method draws the same requests once; every judge measures what it drew.


wildcard_constraints:
    method=any_of(METHODS),
    judge=any_of(JUDGING),


rule draw_pictures:
    input:
        unpack(of_method("model")),
        unpack(of_method("latents")),
    output:
        requests=results("requests"),
        latents=results("latents"),
        pictures=results("pictures"),
    log:
        results("log", job="draw_pictures/{method}"),
    benchmark:
        results("benchmark", job="draw_pictures/{method}")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="2h",
    params:
        counts={
            key: config["judging"][key] for key in ("latents", "joint_latents", "random_images")
        },
        seed=lookup(dpath="seed", within=config),
        batch_size=lookup(dpath="inference/batch", within=config),
        modules=lambda wildcards: [METHODS[wildcards.method].drawn_by],
    script:
        "../workflow_scripts/draw_pictures.py"


rule read_attributes:
    input:
        unpack(attribute_readers),
        requests=results("requests"),
        pictures=results("pictures"),
        images=lambda wildcards: results.shards(
            METHODS[wildcards.method].population, "image_shard", config["shards"]
        ),
        filtered=lambda wildcards: results(
            "filtered", population=METHODS[wildcards.method].population
        ),
    output:
        table=results("picture_attributes"),
        quality=results("picture_quality"),
    log:
        results("log", job="read_attributes/{method}"),
    benchmark:
        results("benchmark", job="read_attributes/{method}")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2500,
        runtime="2h",
    params:
        seed=lookup(dpath="seed", within=config),
        crops=lookup(dpath="domain/crops", within=config),
        face_box=lookup(dpath="domain/segmenter/box", within=config),
    script:
        "../workflow_scripts/read_attributes.py"


rule score_pictures:
    input:
        unpack(judge_inputs),
        requests=results("requests"),
        pictures=results("pictures"),
    output:
        table=results("measured"),
    log:
        results("log", job="score_pictures/{method}-{judge}"),
    benchmark:
        results("benchmark", job="score_pictures/{method}-{judge}")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=3000,
        runtime="4h",
    params:
        measuring=judge_options,
        modules=lambda wildcards: [f"ohlora_lib.judging.judges.{wildcards.judge}"],
    script:
        "../workflow_scripts/score_pictures.py"


rule judge_method:
    input:
        requests=results("requests"),
        measured=results("measured"),
        attributes=results("picture_attributes"),
        quality=results("picture_quality"),
    output:
        per_latent=results("per_latent"),
        summary=results("judgement"),
    log:
        results("log", job="judge_method/{method}-{judge}"),
    benchmark:
        results("benchmark", job="judge_method/{method}-{judge}")
    conda:
        "../envs/table.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        bootstrap=lookup(dpath="judging/bootstrap", within=config),
        seed=lookup(dpath="seed", within=config),
        modules=lambda wildcards: [JUDGES[wildcards.judge].summary],
    script:
        "../workflow_scripts/judge_method.py"


rule judge_concept:
    input:
        unpack(of_finetune("concept")),
    output:
        document=results("concept"),
    log:
        results("log", job="judge_concept/{version}"),
    benchmark:
        results("benchmark", job="judge_concept/{version}")
    wildcard_constraints:
        version=any_of(CONCEPTS),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="1h",
    params:
        published=published.CONCEPT,
        attributes=of_finetune("attributes"),
        images=lookup(dpath="judging/random_images", within=config),
        seed=lookup(dpath="seed", within=config),
        batch_size=lookup(dpath="inference/batch", within=config),
    script:
        "../workflow_scripts/judge_concept.py"
