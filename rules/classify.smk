# Classifiers: learn each attribute from the labels, tell it of all images, keep the good ones.


rule train_classifier:
    input:
        unpack(classifier_start),
        images=image_shards,
        labels=result("{population}/labels.parquet"),
    output:
        weights=result("{population}/classifiers/{attribute}/fold-{fold}.safetensors"),
        metrics=result("{population}/classifiers/{attribute}/fold-{fold}.json"),
    log:
        result("logs/train_classifier/{population}-{attribute}-{fold}.log"),
    benchmark:
        result("benchmarks/train_classifier/{population}-{attribute}-{fold}.tsv")
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="4h",
    params:
        state=result("state/classifiers/{population}/{attribute}-{fold}"),
        seed=lookup(dpath="seed", within=config),
        options=classifier_options,
        finished=is_finished,
    script:
        "../workflow_scripts/train_classifier.py"


rule predict_attribute:
    input:
        weights=fold_weights,
        images=image_shards,
    output:
        table=result("{population}/classifiers/{attribute}/predictions.parquet"),
    log:
        result("logs/predict_attribute/{population}-{attribute}.log"),
    benchmark:
        result("benchmarks/predict_attribute/{population}-{attribute}.tsv")
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="1h",
    script:
        "../workflow_scripts/predict_attribute.py"


rule collect_metrics:
    input:
        unpack(truth_source),
        folds=fold_metrics,
        predictions=result("{population}/classifiers/{attribute}/predictions.parquet"),
        labels=result("{population}/labels.parquet"),
    output:
        metrics=result("{population}/classifiers/{attribute}/metrics.json"),
    log:
        result("logs/collect_metrics/{population}-{attribute}.log"),
    benchmark:
        result("benchmarks/collect_metrics/{population}-{attribute}.tsv")
    conda:
        "../envs/table.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    script:
        "../workflow_scripts/collect_metrics.py"


rule join_attributes:
    input:
        labels=result("{population}/labels.parquet"),
        predictions=attribute_predictions,
    output:
        table=result("{population}/attributes.parquet"),
    log:
        result("logs/join_attributes/{population}.log"),
    benchmark:
        result("benchmarks/join_attributes/{population}.tsv")
    priority: LONGEST_PATH
    conda:
        "../envs/table.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        attributes=lookup(dpath="populations/{population}/attributes", within=config),
    script:
        "../workflow_scripts/join_attributes.py"


rule filter_images:
    input:
        attributes=result("{population}/attributes.parquet"),
    output:
        kept=result("{population}/filtered.parquet"),
        counts=result("{population}/filter.json"),
    log:
        result("logs/filter_images/{population}.log"),
    benchmark:
        result("benchmarks/filter_images/{population}.tsv")
    priority: LONGEST_PATH
    conda:
        "../envs/table.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        recipe=filter_recipe,
    script:
        "../workflow_scripts/filter_images.py"
