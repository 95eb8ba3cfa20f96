# VectorFind and better directions: sample a generator once, then search directions in the samples.


wildcard_constraints:
    source=any_of(sources()) or "none",
    vectors=any_of(VECTORFINDS) or "none",
    directions=any_of(DIRECTIONS) or "none",
    slice=r"_\d+_of_\d+" if config["scatter"]["sample"] > 1 else "(?:)",  # else nothing


rule randomise_label:
    input:
        generator=lambda wildcards: result(f"finetune/{wildcards.finetune}/generator.safetensors"),
    output:
        generator=result("samples/{finetune}_random.safetensors"),
    log:
        result("logs/randomise_label/{finetune}.log"),
    benchmark:
        result("benchmarks/randomise_label/{finetune}.tsv")
    wildcard_constraints:
        finetune=any_of(FINETUNES) or "none",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        numbers=max(RANDOM_LABELS.values()),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/randomise_label.py"


rule draw_samples:
    input:
        unpack(sampling_inputs),
    output:
        samples=drawn_samples(),
    log:
        result("logs/draw_samples/{source}{slice}.log"),
    benchmark:
        result("benchmarks/draw_samples/{source}{slice}.tsv")
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="12h",
    params:
        samples=lambda wildcards: sources()[wildcards.source]["samples"],
        part=sample_part,
        seed=lookup(dpath="seed", within=config),
        batch_size=lookup(dpath="inference/batch", within=config),
    script:
        "../workflow_scripts/draw_samples.py"


if config["scatter"]["sample"] > 1:

    rule join_samples:
        input:
            parts=sample_parts,
        output:
            samples=result("samples/{source}.parquet"),
        log:
            result("logs/join_samples/{source}.log"),
        benchmark:
            result("benchmarks/join_samples/{source}.tsv")
        priority: LONGEST_PATH
        conda:
            "../envs/table.yaml"
        threads: 1
        resources:
            mem_mb=500,
            runtime="1h",
        script:
            "../workflow_scripts/join_samples.py"


rule find_vectors:
    input:
        unpack(search_inputs),
    output:
        vectors=result("vectorfind/{vectors}/vectors.safetensors"),
        metrics=result("vectorfind/{vectors}/metrics.json"),
    log:
        result("logs/find_vectors/{vectors}.log"),
    benchmark:
        result("benchmarks/find_vectors/{vectors}.tsv")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=lambda wildcards: search_memory(search_settings(wildcards)["samples"]),
        runtime="12h",
    params:
        settings=search_settings,
        seed=lookup(dpath="seed", within=config),
        batch_size=lookup(dpath="inference/batch", within=config),
    script:
        "../workflow_scripts/find_vectors.py"


rule test_vectors:
    input:
        unpack(search_inputs),
        vectors=result("vectorfind/{vectors}/vectors.safetensors"),
    output:
        table=result("vectorfind/{vectors}/test_result.csv"),
        summary=result("vectorfind/{vectors}/test_summary.json"),
    log:
        result("logs/test_vectors/{vectors}.log"),
    benchmark:
        result("benchmarks/test_vectors/{vectors}.tsv")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="4h",
    params:
        latents=lookup(dpath="judging/latents", within=config),
        seed=lookup(dpath="seed", within=config),
        batch_size=lookup(dpath="inference/batch", within=config),
    script:
        "../workflow_scripts/test_vectors.py"


rule plot_tsne:
    input:
        samples=lambda wildcards: search_inputs(wildcards)["samples"],
    output:
        picture=report(
            result("vectorfind/{vectors}/tsne.png"),
            caption="captions/tsne.rst",
            category="7 Control",
            subcategory="vectorfind_{vectors}",
            labels={"figure": "4 samples", "judge": "cnn"},
        ),
    log:
        result("logs/plot_tsne/{vectors}.log"),
    benchmark:
        result("benchmarks/plot_tsne/{vectors}.tsv")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards: search_memory(search_settings(wildcards)["samples"]),
        runtime="2h",
    params:
        settings=search_settings,
        points=lookup(dpath="judging/tsne_points", within=config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/plot_tsne.py"


rule fit_directions:
    input:
        unpack(direction_inputs),
    output:
        directions=result("directions/{directions}/directions.safetensors"),
        metrics=result("directions/{directions}/metrics.json"),
    log:
        result("logs/fit_directions/{directions}.log"),
    benchmark:
        result("benchmarks/fit_directions/{directions}.tsv")
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=3000,
        runtime="12h",
    params:
        state=result("state/directions/{directions}"),
        samples=lookup(dpath="directions/samples", within=config),
        options=lookup(dpath="directions/training", within=config),
        seed=lookup(dpath="seed", within=config),
        batch_size=lookup(dpath="inference/batch", within=config),
    script:
        "../workflow_scripts/fit_directions.py"


rule measure_saturation:
    input:
        unpack(saturation_inputs),
    output:
        table=result("directions/saturation.csv"),
    log:
        result("logs/measure_saturation.log"),
    benchmark:
        result("benchmarks/measure_saturation.tsv")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=search_memory(config["directions"]["samples"]),
        runtime="12h",
    params:
        sizes=lookup(dpath="directions/saturation/sizes", within=config),
        latents=lookup(dpath="directions/saturation/latents", within=config),
        seed=lookup(dpath="seed", within=config),
        batch_size=lookup(dpath="inference/batch", within=config),
    script:
        "../workflow_scripts/measure_saturation.py"
