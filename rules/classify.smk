# Classifiers: learn each attribute from the labels, predict it for all images, keep the good ones.


rule train_classifier:
    input:
        unpack(
            lambda wildcards: recipes.classifier_start(
                config, results, wildcards.population, wildcards.attribute, int(wildcards.fold)
            )
        ),
        images=IMAGES,
        labels=results("labels"),
    output:
        weights=results("classifier"),
        metrics=results("fold_metrics"),
    log:
        results("log", job="train_classifier/{population}-{attribute}-{fold}"),
    benchmark:
        results("benchmark", job="train_classifier/{population}-{attribute}-{fold}")
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="4h",
    params:
        state=results("state", training="classifiers/{population}/{attribute}-{fold}"),
        seed=lookup(dpath="seed", within=config),
        options=lambda wildcards: recipes.classifier_options(
            config, wildcards.population, wildcards.attribute
        ),
        finished=lambda wildcards: bool(
            recipes.finished_classifiers(config, wildcards.population, wildcards.attribute)
        ),
    script:
        "../workflow_scripts/train_classifier.py"


rule predict_attribute:
    input:
        weights=of_folds("classifier"),
        images=IMAGES,
    output:
        table=results("predictions"),
    log:
        results("log", job="predict_attribute/{population}-{attribute}"),
    benchmark:
        results("benchmark", job="predict_attribute/{population}-{attribute}")
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
        **recipes.annotator_answers(config, results, "{population}"),
        folds=of_folds("fold_metrics"),
        predictions=results("predictions"),
        labels=results("labels"),
    output:
        metrics=results("classifier_metrics"),
    log:
        results("log", job="collect_metrics/{population}-{attribute}"),
    benchmark:
        results("benchmark", job="collect_metrics/{population}-{attribute}")
    conda:
        "../envs/table.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        published=lambda wildcards: published.classifier(wildcards.population, wildcards.attribute),
    script:
        "../workflow_scripts/collect_metrics.py"


rule join_attributes:
    input:
        labels=results("labels"),
        predictions=lambda wildcards: [
            results("predictions", population=wildcards.population, attribute=attribute)
            for attribute in config["populations"][wildcards.population]["attributes"]
        ],
    output:
        table=results("attributes"),
    log:
        results("log", job="join_attributes/{population}"),
    benchmark:
        results("benchmark", job="join_attributes/{population}")
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
        attributes=results("attributes"),
    output:
        kept=results("filtered"),
        counts=results("filter_counts"),
    log:
        results("log", job="filter_images/{population}"),
    benchmark:
        results("benchmark", job="filter_images/{population}")
    priority: LONGEST_PATH
    conda:
        "../envs/table.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        recipe=of_population(recipes.filtering),
    script:
        "../workflow_scripts/filter_images.py"
