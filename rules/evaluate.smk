# Judging: every method draws the same requests once; two judges measure what it drew, and where
# real faces are segmented with FaceXFormer, a third one tells head pose and attributes.


wildcard_constraints:
    method=any_of(all_methods()) or "none",
    judge=any_of(JUDGES),


rule draw_pictures:
    input:
        unpack(method_model),
        unpack(method_posterior),
    output:
        requests=result("evaluation/{method}/requests.parquet"),
        latents=result("evaluation/{method}/latents.parquet"),
        pictures=result("evaluation/{method}/pictures.parquet"),
    log:
        result("logs/draw_pictures/{method}.log"),
    benchmark:
        result("benchmarks/draw_pictures/{method}.tsv")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="2h",
    params:
        counts=judging_counts,
        seed=lookup(dpath="seed", within=config),
        batch_size=lookup(dpath="inference/batch", within=config),
        modules=method_modules,
    script:
        "../workflow_scripts/draw_pictures.py"


rule read_attributes:
    input:
        unpack(attribute_readers),
        requests=result("evaluation/{method}/requests.parquet"),
        pictures=result("evaluation/{method}/pictures.parquet"),
        images=lambda wildcards: shards(method_population(wildcards), "images"),
        filtered=lambda wildcards: result(f"{method_population(wildcards)}/filtered.parquet"),
    output:
        table=result("evaluation/{method}/attributes.parquet"),
        quality=result("evaluation/{method}/quality.json"),
    log:
        result("logs/read_attributes/{method}.log"),
    benchmark:
        result("benchmarks/read_attributes/{method}.tsv")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2500,
        runtime="2h",
    params:
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/read_attributes.py"


rule score_pictures:
    input:
        unpack(judge_inputs),
        pictures=result("evaluation/{method}/pictures.parquet"),
    output:
        table=result("evaluation/{method}/{judge}/measured.parquet"),
    log:
        result("logs/score_pictures/{method}-{judge}.log"),
    benchmark:
        result("benchmarks/score_pictures/{method}-{judge}.tsv")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=3000,
        runtime="4h",
    params:
        measuring=judge_options,
        modules=judge_modules,
    script:
        "../workflow_scripts/score_pictures.py"


rule judge_method:
    input:
        requests=result("evaluation/{method}/requests.parquet"),
        measured=result("evaluation/{method}/{judge}/measured.parquet"),
        attributes=result("evaluation/{method}/attributes.parquet"),
        quality=result("evaluation/{method}/quality.json"),
    output:
        per_latent=result("evaluation/{method}/{judge}/per_latent.csv"),
        summary=result("evaluation/{method}/{judge}/summary.json"),
    log:
        result("logs/judge_method/{method}-{judge}.log"),
    benchmark:
        result("benchmarks/judge_method/{method}-{judge}.tsv")
    conda:
        "../envs/table.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        bootstrap=lookup(dpath="judging/bootstrap", within=config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/judge_method.py"


rule judge_faces:
    input:
        unpack(segmenter_weights),
        requests=result("evaluation/{method}/requests.parquet"),
        pictures=result("evaluation/{method}/pictures.parquet"),
    output:
        per_latent=result("evaluation/{method}/facexformer/per_latent.csv"),
        summary=result("evaluation/{method}/facexformer/summary.json"),
    log:
        result("logs/judge_faces/{method}.log"),
    benchmark:
        result("benchmarks/judge_faces/{method}.tsv")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=3000,
        runtime="4h",
    params:
        batch=lookup(dpath="domain/segmenter/batch", within=config),
        bootstrap=lookup(dpath="judging/bootstrap", within=config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/judge_faces.py"


rule judge_concept:
    input:
        unpack(concept_inputs),
    output:
        document=result("finetune/{version}/concept.json"),
    log:
        result("logs/judge_concept/{version}.log"),
    benchmark:
        result("benchmarks/judge_concept/{version}.tsv")
    wildcard_constraints:
        version=any_of(concept_finetunes()) or "none",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="1h",
    params:
        attributes=concept_attributes,
        images=lookup(dpath="judging/random_images", within=config),
        seed=lookup(dpath="seed", within=config),
        batch_size=lookup(dpath="inference/batch", within=config),
    script:
        "../workflow_scripts/judge_concept.py"
