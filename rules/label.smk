# Labels: what a person (or, in the embedded domain, a simulated one) says of the first images.


rule annotate_images:
    input:
        weights=annotator_weights,
        images=image_shards,
    output:
        table=result("{population}/annotator.parquet"),
    log:
        result("logs/annotate_images/{population}.log"),
    benchmark:
        result("benchmarks/annotate_images/{population}.tsv")
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
        unpack(label_source),
    output:
        labels=result("{population}/labels.parquet"),
    log:
        result("logs/take_labels/{population}.log"),
    benchmark:
        result("benchmarks/take_labels/{population}.tsv")
    priority: LONGEST_PATH
    conda:
        "../envs/table.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        recipe=label_recipe,
        csv=label_table,
        command=label_command,
    script:
        "../workflow_scripts/take_labels.py"
