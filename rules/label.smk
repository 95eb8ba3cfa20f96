# Labels: what a person (or, in the embedded domain, a simulated one) says of the first images.


rule annotate_images:
    input:
        weights=config["domain"]["annotator"] or [],
        images=IMAGES,
    output:
        table=results("annotator"),
    log:
        results("log", job="annotate_images/{population}"),
    benchmark:
        results("benchmark", job="annotate_images/{population}")
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="1h",
    script:
        "../workflow_scripts/annotate_images.py"


rule take_labels:
    input:
        unpack(lambda wildcards: recipes.label_source(config, results, wildcards.population)),
    output:
        labels=results("labels"),
    log:
        results("log", job="take_labels/{population}"),
    benchmark:
        results("benchmark", job="take_labels/{population}")
    priority: LONGEST_PATH
    conda:
        "../envs/table.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        recipe=of_population(recipes.labelling),
        csv=of_population(recipes.label_table),
        command=lambda wildcards: recipes.label_command(
            config, wildcards.population, results.folder, workflow.overwrite_configfiles
        ),
    script:
        "../workflow_scripts/take_labels.py"
