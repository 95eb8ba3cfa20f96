# The embedded domain's weights, made anew: `snakemake pretrain`. Never part of a normal run, which
# uses the shipped ones; to ship new ones, copy results/pretrain/*.safetensors to resources/embedded.


POOLS = pretraining_pools()


wildcard_constraints:
    pool="|".join(POOLS),


rule draw_portraits:
    output:
        z=result("pretrain/portraits/{pool}/z.npy"),
        images=result("pretrain/portraits/{pool}/images.npy"),
        class_maps=result("pretrain/portraits/{pool}/class_maps.npy"),
        attributes=result("pretrain/portraits/{pool}/attributes.npy"),
    log:
        result("logs/pretrain/draw_portraits-{pool}.log"),
    benchmark:
        result("benchmarks/pretrain/draw_portraits-{pool}.tsv")
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
        pool=[
            result("pretrain/portraits/generator/z.npy"),
            result("pretrain/portraits/generator/images.npy"),
            result("pretrain/portraits/generator/class_maps.npy"),
            result("pretrain/portraits/generator/attributes.npy"),
        ],
    output:
        weights=result("pretrain/paired.safetensors"),
    log:
        result("logs/pretrain/pretrain_paired.log"),
    benchmark:
        result("benchmarks/pretrain/pretrain_paired.tsv")
    conda:
        "../envs/torch.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=6000,
        runtime="12h",
    params:
        state=result("pretrain/state/paired"),
        network=lookup(dpath="pretrain/network", within=config),
        options=lookup(dpath="pretrain/paired", within=config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/pretrain_paired.py"


rule pretrain_adversarial:
    input:
        pool=[
            result("pretrain/portraits/generator/z.npy"),
            result("pretrain/portraits/generator/images.npy"),
            result("pretrain/portraits/generator/class_maps.npy"),
            result("pretrain/portraits/generator/attributes.npy"),
        ],
        paired=result("pretrain/paired.safetensors"),
    output:
        generator=result("pretrain/generator.safetensors"),
        discriminator=result("pretrain/discriminator.safetensors"),
    log:
        result("logs/pretrain/pretrain_adversarial.log"),
    benchmark:
        result("benchmarks/pretrain/pretrain_adversarial.tsv")
    conda:
        "../envs/torch.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=6000,
        runtime="12h",
    params:
        state=result("pretrain/state/adversarial"),
        options=lookup(dpath="pretrain/adversarial", within=config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/pretrain_adversarial.py"


rule pretrain_parser:
    input:
        pool=[
            result("pretrain/portraits/parser/z.npy"),
            result("pretrain/portraits/parser/images.npy"),
            result("pretrain/portraits/parser/class_maps.npy"),
            result("pretrain/portraits/parser/attributes.npy"),
        ],
        held_out=[
            result("pretrain/portraits/parser_held_out/z.npy"),
            result("pretrain/portraits/parser_held_out/images.npy"),
            result("pretrain/portraits/parser_held_out/class_maps.npy"),
            result("pretrain/portraits/parser_held_out/attributes.npy"),
        ],
    output:
        weights=result("pretrain/parser.safetensors"),
    log:
        result("logs/pretrain/pretrain_parser.log"),
    benchmark:
        result("benchmarks/pretrain/pretrain_parser.tsv")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime="4h",
    params:
        state=result("pretrain/state/parser"),
        options=lookup(dpath="pretrain/parser", within=config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/pretrain_parser.py"


rule pretrain_annotator:
    input:
        pool=[
            result("pretrain/portraits/annotator/z.npy"),
            result("pretrain/portraits/annotator/images.npy"),
            result("pretrain/portraits/annotator/class_maps.npy"),
            result("pretrain/portraits/annotator/attributes.npy"),
        ],
        held_out=[
            result("pretrain/portraits/annotator_held_out/z.npy"),
            result("pretrain/portraits/annotator_held_out/images.npy"),
            result("pretrain/portraits/annotator_held_out/class_maps.npy"),
            result("pretrain/portraits/annotator_held_out/attributes.npy"),
        ],
    output:
        weights=result("pretrain/annotator.safetensors"),
    log:
        result("logs/pretrain/pretrain_annotator.log"),
    benchmark:
        result("benchmarks/pretrain/pretrain_annotator.tsv")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime="4h",
    params:
        state=result("pretrain/state/annotator"),
        options=lookup(dpath="pretrain/annotator", within=config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/pretrain_annotator.py"


rule judge_base_weights:
    input:
        generator=result("pretrain/generator.safetensors"),
        parser=result("pretrain/parser.safetensors"),
        annotator=result("pretrain/annotator.safetensors"),
    output:
        metrics=result("pretrain/metrics.json"),
        grid=result("pretrain/grid.png"),
    log:
        result("logs/pretrain/judge_base_weights.log"),
    benchmark:
        result("benchmarks/pretrain/judge_base_weights.tsv")
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
        rules.pretrain_adversarial.output,
        rules.judge_base_weights.output,
