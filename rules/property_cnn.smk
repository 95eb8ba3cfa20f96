# Networks that read property scores: the property CNN learns seven scores of one population, the
# hairstyle CNN the eighth of another; each scores all images kept there. Merged, they predict eight.


rule train_property_cnn:
    input:
        images=results.shards(config["property_cnn"]["population"], "image_shard", config["shards"]),
        scores=recipes.taught_scores(config, results, "property_cnn"),
        statistics=recipes.score_statistics(config, results),
    output:
        weights=results("property_cnn"),
        log=results("property_cnn_log"),
        validation=results("property_cnn_validation"),
    log:
        results("log", job="train_property_cnn"),
    benchmark:
        results("benchmark", job="train_property_cnn")
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: recipes.reader_threads(config, "property_cnn")
    resources:
        gpu=config["property_cnn"]["gpus"],
        processes=config["property_cnn"]["cores"],
        mem_mb=training_memory,
        runtime="8h",
    params:
        state=results("state", training="property_cnn"),
        population=lookup(dpath="property_cnn/population", within=config),
        kind="property_cnn",
        options=recipes.reader_options(config, "property_cnn"),
        network=recipes.property_network(config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/train_property_cnn.py"


rule score_property_cnn:
    input:
        images=results.shards(config["property_cnn"]["population"], "image_shard", config["shards"]),
        kept=results("filtered", population=config["property_cnn"]["population"]),
        scores=recipes.taught_scores(config, results, "property_cnn"),
        weights=results("property_cnn"),
        log=results("property_cnn_log"),
        validation=results("property_cnn_validation"),
    output:
        csv=results("property_cnn_scores"),
        metrics=results("property_cnn_metrics"),
    log:
        results("log", job="score_property_cnn"),
    benchmark:
        results("benchmark", job="score_property_cnn")
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
        published=published.SCORE_NETWORKS["property_cnn"],
    script:
        "../workflow_scripts/score_property_cnn.py"


rule plot_property_cnn:
    input:
        scores=recipes.taught_scores(config, results, "property_cnn"),
        found=results("property_cnn_scores"),
        validation=results("property_cnn_validation"),
        log=results("property_cnn_log"),
        metrics=results("property_cnn_metrics"),
    output:
        picture=report(
            results("figure", figure="property_cnn.png"),
            caption="captions/property_cnn.rst",
            category="5 Property scores",
            subcategory="property CNN",
            labels={"figure": "network against segmentation"},
        ),
    log:
        results("log", job="plot_property_cnn"),
    benchmark:
        results("benchmark", job="plot_property_cnn")
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
        images=results.shards(
            config["hairstyle_cnn"]["population"], "image_shard", config["shards"]
        ),
        segments=results.shards(
            config["hairstyle_cnn"]["population"], "segment_shard", config["shards"]
        ),
        scores=recipes.taught_scores(config, results, "hairstyle_cnn"),
    output:
        weights=results("hairstyle_cnn"),
        log=results("hairstyle_cnn_log"),
        validation=results("hairstyle_cnn_validation"),
    log:
        results("log", job="train_hairstyle_cnn"),
    benchmark:
        results("benchmark", job="train_hairstyle_cnn")
    threads: recipes.reader_threads(config, "hairstyle_cnn")
    resources:
        gpu=config["hairstyle_cnn"]["gpus"],
        processes=config["hairstyle_cnn"]["cores"],
        mem_mb=training_memory,
        runtime="8h",
    params:
        state=results("state", training="hairstyle_cnn"),
        population=lookup(dpath="hairstyle_cnn/population", within=config),
        kind="hairstyle_cnn",
        options=recipes.reader_options(config, "hairstyle_cnn"),
        network={},
        seed=lookup(dpath="seed", within=config),


use rule score_property_cnn as score_hairstyle_cnn with:
    input:
        images=results.shards(
            config["hairstyle_cnn"]["population"], "image_shard", config["shards"]
        ),
        kept=results("filtered", population=config["hairstyle_cnn"]["population"]),
        scores=recipes.taught_scores(config, results, "hairstyle_cnn"),
        weights=results("hairstyle_cnn"),
        log=results("hairstyle_cnn_log"),
        validation=results("hairstyle_cnn_validation"),
    output:
        csv=results("hairstyle_cnn_scores"),
        metrics=results("hairstyle_cnn_metrics"),
    log:
        results("log", job="score_hairstyle_cnn"),
    benchmark:
        results("benchmark", job="score_hairstyle_cnn")
    params:
        kind="hairstyle_cnn",
        published=published.SCORE_NETWORKS["hairstyle_cnn"],


rule merge_property_cnn:
    input:
        property_cnn=results("property_cnn"),
        hairstyle_cnn=results("hairstyle_cnn"),
    output:
        weights=results("merged_cnn"),
    log:
        results("log", job="merge_property_cnn"),
    benchmark:
        results("benchmark", job="merge_property_cnn")
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
        images=IMAGES,
        kept=results("filtered"),
        weights=results("merged_cnn"),
    output:
        csv=results("scores", algorithm="cnn"),
    log:
        results("log", job="score_merged_cnn/{population}"),
    benchmark:
        results("benchmark", job="score_merged_cnn/{population}")
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
