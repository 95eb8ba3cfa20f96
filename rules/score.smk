# Property scores: raw per algorithm and property, then one normalised table per algorithm.


rule score_property:
    input:
        segments=segment_shards,
        images=image_shards,
    output:
        scores=result("{population}/scores/{algorithm}/{property}.parquet"),
    log:
        result("logs/score_property/{population}-{algorithm}-{property}.log"),
    benchmark:
        result("benchmarks/score_property/{population}-{algorithm}-{property}.tsv")
    priority: LONGEST_PATH
    conda:
        "../envs/table.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="1h",
    params:
        options=lookup(dpath="scores/{algorithm}/{property}", within=config),
        modules=score_module,
    script:
        "../workflow_scripts/score_property.py"


rule normalise_scores:
    input:
        scores=property_scores,
    output:
        csv=result("{population}/all_scores_{algorithm}.csv"),
        statistics=result("{population}/all_scores_{algorithm}.json"),
    log:
        result("logs/normalise_scores/{population}-{algorithm}.log"),
    benchmark:
        result("benchmarks/normalise_scores/{population}-{algorithm}.tsv")
    priority: LONGEST_PATH
    conda:
        "../envs/table.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        properties=lambda wildcards: list(ALGORITHMS[wildcards.algorithm]),
    script:
        "../workflow_scripts/normalise_scores.py"
