# The drawn domain's weights, made anew: `snakemake pretrain`. Never part of a normal run, which
# uses the shipped ones; to ship new ones, copy results/pretrain/*.safetensors to resources/embedded.


from ohlora_lib.pretraining.pools import ARRAYS, pool_files, pretraining_pools

POOLS = pretraining_pools(config)


wildcard_constraints:
    pool="|".join(POOLS),


rule draw_portraits:
    output:
        **{array: results("pool", array=array) for array in ARRAYS},
    log:
        results("log", job="pretrain/draw_portraits-{pool}"),
    benchmark:
        results("benchmark", job="pretrain/draw_portraits-{pool}")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime="2h",
    params:
        options=lambda wildcards: POOLS[wildcards.pool],
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/draw_portraits.py"


rule pretrain_paired:
    input:
        pool=pool_files(results, "generator"),
    output:
        weights=results("pretrained", file="paired.safetensors"),
    log:
        results("log", job="pretrain/pretrain_paired"),
    benchmark:
        results("benchmark", job="pretrain/pretrain_paired")
    conda:
        "../envs/torch.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=6000,
        runtime="12h",
    params:
        state=results("pretrained", file="state/paired"),
        network=lookup(dpath="pretrain/network", within=config),
        options=lookup(dpath="pretrain/paired", within=config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/pretrain_paired.py"


rule pretrain_adversarial:
    input:
        pool=pool_files(results, "generator"),
        paired=results("pretrained", file="paired.safetensors"),
    output:
        generator=results("pretrained", file="generator.safetensors"),
        discriminator=results("pretrained", file="discriminator.safetensors"),
    log:
        results("log", job="pretrain/pretrain_adversarial"),
    benchmark:
        results("benchmark", job="pretrain/pretrain_adversarial")
    conda:
        "../envs/torch.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=6000,
        runtime="12h",
    params:
        state=results("pretrained", file="state/adversarial"),
        options=lookup(dpath="pretrain/adversarial", within=config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/pretrain_adversarial.py"


rule pretrain_parser:
    input:
        pool=pool_files(results, "parser"),
        held_out=pool_files(results, "parser_held_out"),
    output:
        weights=results("pretrained", file="parser.safetensors"),
    log:
        results("log", job="pretrain/pretrain_parser"),
    benchmark:
        results("benchmark", job="pretrain/pretrain_parser")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime="4h",
    params:
        state=results("pretrained", file="state/parser"),
        options=lookup(dpath="pretrain/parser", within=config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/pretrain_parser.py"


rule pretrain_annotator:
    input:
        pool=pool_files(results, "annotator"),
        held_out=pool_files(results, "annotator_held_out"),
    output:
        weights=results("pretrained", file="annotator.safetensors"),
    log:
        results("log", job="pretrain/pretrain_annotator"),
    benchmark:
        results("benchmark", job="pretrain/pretrain_annotator")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime="4h",
    params:
        state=results("pretrained", file="state/annotator"),
        options=lookup(dpath="pretrain/annotator", within=config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/pretrain_annotator.py"


rule judge_base_weights:
    input:
        generator=results("pretrained", file="generator.safetensors"),
        parser=results("pretrained", file="parser.safetensors"),
        annotator=results("pretrained", file="annotator.safetensors"),
    output:
        metrics=results("pretrained", file="metrics.json"),
        grid=results("pretrained", file="grid.png"),
    log:
        results("log", job="pretrain/judge_base_weights"),
    benchmark:
        results("benchmark", job="pretrain/judge_base_weights")
    conda:
        "../envs/torch.yaml"
    threads: 2
    resources:
        mem_mb=6000,
        runtime="2h",
    params:
        judged=lookup(dpath="pretrain/judged", within=config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/judge_base_weights.py"


rule pretrain:
    input:
        FACE_NETWORKS
        if config["domain"]["generator_family"] == "dcgan"
        else [*rules.pretrain_adversarial.output, *rules.judge_base_weights.output],
