# References: finished models of others, brought into the form of our own and judged alike.


wildcard_constraints:
    reference=any_of(REFERENCES),


rule adopt_generator:
    input:
        generator=lookup(dpath="references/{reference}/generator", within=config),
    output:
        generator=results("reference_generator"),
    log:
        results("log", job="adopt_generator/{reference}"),
    benchmark:
        results("benchmark", job="adopt_generator/{reference}")
    wildcard_constraints:
        reference=any_of(of_kind("finetune")),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="10m",
    params:
        options=of_reference("adoption"),
    script:
        "../workflow_scripts/adopt_generator.py"


rule adopt_vectors:
    input:
        generator=lookup(dpath="references/{reference}/generator", within=config),
        property_cnn=of_reference("property_cnn"),
        vectors=lookup(dpath="references/{reference}/vectors", within=config),
    output:
        vectors=results("reference_vectors"),
    log:
        results("log", job="adopt_vectors/{reference}"),
    benchmark:
        results("benchmark", job="adopt_vectors/{reference}")
    wildcard_constraints:
        reference=any_of(of_kind("vectorfind")),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="30m",
    params:
        options=of_reference("adoption"),
        seed=lookup(dpath="seed", within=config),
        batch_size=lookup(dpath="inference/batch", within=config),
    script:
        "../workflow_scripts/adopt_vectors.py"


rule encode_faces:
    input:
        encoder=lookup(dpath="references/{reference}/encoder", within=config),
        images=lambda wildcards: results.shards(
            REFERENCES[wildcards.reference].population, "image_shard", config["shards"]
        ),
        scores=lambda wildcards: recipes.learnt_scores(
            config, results, REFERENCES[wildcards.reference].population
        ),
    output:
        posterior=results("reference_posterior"),
    log:
        results("log", job="encode_faces/{reference}"),
    benchmark:
        results("benchmark", job="encode_faces/{reference}")
    wildcard_constraints:
        reference=any_of(of_kind("finetune")),
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
