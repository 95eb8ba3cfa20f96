# Networks that read property scores: the property CNN learns seven scores of one population, the
# hairstyle CNN the eighth of another; each scores all images kept there. Merged, they tell eight.


rule train_property_cnn:
    input:
        images=shards(config["property_cnn"]["population"], "images"),
        scores=result(f"{config['property_cnn']['population']}/all_scores_v2.csv"),
        statistics=score_statistics(),
    output:
        weights=result("property_cnn/property_cnn.safetensors"),
        log=result("property_cnn/train_log.csv"),
        validation=result("property_cnn/validation_ids.parquet"),
    log:
        result("logs/train_property_cnn.log"),
    benchmark:
        result("benchmarks/train_property_cnn.tsv")
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: reader_threads("property_cnn")
    resources:
        gpu=config["property_cnn"]["gpus"],
        processes=config["property_cnn"]["cores"],
        mem_mb=training_memory,
        runtime="8h",
    params:
        state=result("state/property_cnn"),
        population=lookup(dpath="property_cnn/population", within=config),
        kind="property_cnn",
        options=reader_options("property_cnn"),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/train_property_cnn.py"


rule score_property_cnn:
    input:
        images=shards(config["property_cnn"]["population"], "images"),
        kept=result(f"{config['property_cnn']['population']}/filtered.parquet"),
        scores=result(f"{config['property_cnn']['population']}/all_scores_v2.csv"),
        weights=result("property_cnn/property_cnn.safetensors"),
        log=result("property_cnn/train_log.csv"),
        validation=result("property_cnn/validation_ids.parquet"),
    output:
        csv=result("property_cnn/all_scores_v2_cnn.csv"),
        metrics=result("property_cnn/metrics.json"),
    log:
        result("logs/score_property_cnn.log"),
    benchmark:
        result("benchmarks/score_property_cnn.tsv")
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="1h",
    params:
        kind="property_cnn",
    script:
        "../workflow_scripts/score_property_cnn.py"


rule plot_property_cnn:
    input:
        scores=result(f"{config['property_cnn']['population']}/all_scores_v2.csv"),
        found=result("property_cnn/all_scores_v2_cnn.csv"),
        validation=result("property_cnn/validation_ids.parquet"),
        log=result("property_cnn/train_log.csv"),
        metrics=result("property_cnn/metrics.json"),
    output:
        picture=report(
            result("report/property_cnn.png"),
            caption="captions/property_cnn.rst",
            category="5 Property scores",
            subcategory="property CNN",
            labels={"figure": "network against segmentation"},
        ),
    log:
        result("logs/plot_property_cnn.log"),
    benchmark:
        result("benchmarks/plot_property_cnn.tsv")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    script:
        "../workflow_scripts/plot_property_cnn.py"


use rule train_property_cnn as train_hairstyle_cnn with:
    input:
        images=shards(config["hairstyle_cnn"]["population"], "images"),
        segments=shards(config["hairstyle_cnn"]["population"], "segments"),
        scores=result(f"{config['hairstyle_cnn']['population']}/all_scores_v2.csv"),
    output:
        weights=result("hairstyle_cnn/hairstyle_cnn.safetensors"),
        log=result("hairstyle_cnn/train_log.csv"),
        validation=result("hairstyle_cnn/validation_ids.parquet"),
    log:
        result("logs/train_hairstyle_cnn.log"),
    benchmark:
        result("benchmarks/train_hairstyle_cnn.tsv")
    threads: reader_threads("hairstyle_cnn")
    resources:
        gpu=config["hairstyle_cnn"]["gpus"],
        processes=config["hairstyle_cnn"]["cores"],
        mem_mb=training_memory,
        runtime="8h",
    params:
        state=result("state/hairstyle_cnn"),
        population=lookup(dpath="hairstyle_cnn/population", within=config),
        kind="hairstyle_cnn",
        options=reader_options("hairstyle_cnn"),
        seed=lookup(dpath="seed", within=config),


use rule score_property_cnn as score_hairstyle_cnn with:
    input:
        images=shards(config["hairstyle_cnn"]["population"], "images"),
        kept=result(f"{config['hairstyle_cnn']['population']}/filtered.parquet"),
        scores=result(f"{config['hairstyle_cnn']['population']}/all_scores_v2.csv"),
        weights=result("hairstyle_cnn/hairstyle_cnn.safetensors"),
        log=result("hairstyle_cnn/train_log.csv"),
        validation=result("hairstyle_cnn/validation_ids.parquet"),
    output:
        csv=result("hairstyle_cnn/hairstyle_cnn.csv"),
        metrics=result("hairstyle_cnn/metrics.json"),
    log:
        result("logs/score_hairstyle_cnn.log"),
    benchmark:
        result("benchmarks/score_hairstyle_cnn.tsv")
    params:
        kind="hairstyle_cnn",


rule merge_property_cnn:
    input:
        property_cnn=result("property_cnn/property_cnn.safetensors"),
        hairstyle_cnn=result("hairstyle_cnn/hairstyle_cnn.safetensors"),
    output:
        weights=result("hairstyle_cnn/merged.safetensors"),
    log:
        result("logs/merge_property_cnn.log"),
    benchmark:
        result("benchmarks/merge_property_cnn.tsv")
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    script:
        "../workflow_scripts/merge_property_cnn.py"


rule score_merged_cnn:
    input:
        images=image_shards,
        kept=result("{population}/filtered.parquet"),
        weights=result("hairstyle_cnn/merged.safetensors"),
    output:
        csv=result("{population}/all_scores_cnn.csv"),
    log:
        result("logs/score_merged_cnn/{population}.log"),
    benchmark:
        result("benchmarks/score_merged_cnn/{population}.tsv")
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="1h",
    script:
        "../workflow_scripts/score_merged_cnn.py"
