# Property CNN: learns the segmentation's scores of one population and scores all its kept images.


rule train_property_cnn:
    input:
        images=shards(config["property_cnn"]["population"], "images"),
        scores=result(f"{config['property_cnn']['population']}/all_scores_v2.csv"),
    output:
        weights=result("property_cnn/property_cnn.safetensors"),
        log=result("property_cnn/train_log.csv"),
        validation=result("property_cnn/validation_ids.parquet"),
    log:
        result("logs/train_property_cnn.log"),
    benchmark:
        result("benchmarks/train_property_cnn.tsv")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=3000,
        runtime="8h",
    params:
        state=result("state/property_cnn"),
        population=lookup(dpath="property_cnn/population", within=config),
        options=property_cnn_options(),
        seed=lookup(dpath="seed", within=config),
        code=code_digest("ohlora_lib.populations.property_cnn"),
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
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="1h",
    params:
        code=code_digest("ohlora_lib.populations.property_cnn"),
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
    params:
        code=code_digest("ohlora_lib.reporting.property_cnn"),
    script:
        "../workflow_scripts/plot_property_cnn.py"
