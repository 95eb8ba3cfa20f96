# References: finished models made elsewhere, brought into the form of our own and judged alike.


wildcard_constraints:
    reference=any_of(REFERENCES) or "none",


rule adopt_generator:
    input:
        generator=lookup(dpath="references/{reference}/generator", within=config),
    output:
        generator=result("references/{reference}/generator.safetensors"),
    log:
        result("logs/adopt_generator/{reference}.log"),
    benchmark:
        result("benchmarks/adopt_generator/{reference}.tsv")
    wildcard_constraints:
        reference=any_of(references("finetune")) or "none",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="10m",
    params:
        options=reference_options,
    script:
        "../workflow_scripts/adopt_generator.py"


rule adopt_vectors:
    input:
        unpack(lambda wildcards: reference_beside(wildcards.reference)),
        vectors=lookup(dpath="references/{reference}/vectors", within=config),
    output:
        vectors=result("references/{reference}/vectors.safetensors"),
    log:
        result("logs/adopt_vectors/{reference}.log"),
    benchmark:
        result("benchmarks/adopt_vectors/{reference}.tsv")
    wildcard_constraints:
        reference=any_of(references("vectorfind")) or "none",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="30m",
    params:
        options=reference_options,
        seed=lookup(dpath="seed", within=config),
        batch_size=lookup(dpath="inference/batch", within=config),
    script:
        "../workflow_scripts/adopt_vectors.py"


rule encode_faces:
    input:
        encoder=lookup(dpath="references/{reference}/encoder", within=config),
        images=lambda wildcards: shards(REFERENCES[wildcards.reference]["population"], "images"),
        scores=lambda wildcards: cnn_scores(REFERENCES[wildcards.reference]["population"]),
    output:
        posterior=result("references/{reference}/posterior.parquet"),
    log:
        result("logs/encode_faces/{reference}.log"),
    benchmark:
        result("benchmarks/encode_faces/{reference}.tsv")
    wildcard_constraints:
        reference=any_of(references("finetune")) or "none",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=3000,
        runtime="30m",
    params:
        version=lookup(dpath="references/{reference}/version", within=config),
        resolution=lookup(dpath="domain/resolution", within=config),
    script:
        "../workflow_scripts/encode_faces.py"
