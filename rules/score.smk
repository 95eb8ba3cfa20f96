# Property scores: raw per algorithm and property, then one normalised table per algorithm.


rule score_property:
    input:
        segments=SEGMENTS,
        images=IMAGES,
    output:
        scores=results("raw_scores"),
    log:
        results("log", job="score_property/{population}-{algorithm}-{property}"),
    benchmark:
        results("benchmark", job="score_property/{population}-{algorithm}-{property}")
    priority: LONGEST_PATH
    conda:
        "../envs/table.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="1h",
    params:
        options=lookup(dpath="scores/{algorithm}/{property}", within=config),
        modules=lambda wildcards: [f"ohlora_lib.scores.{wildcards.property}"],
    script:
        "../workflow_scripts/score_property.py"


rule normalise_scores:
    input:
        scores=lambda wildcards: [
            results(
                "raw_scores",
                population=wildcards.population,
                algorithm=wildcards.algorithm,
                property=name,
            )
            for name in ALGORITHMS[wildcards.algorithm]
        ],
    output:
        csv=results("scores"),
        statistics=results("score_statistics"),
    log:
        results("log", job="normalise_scores/{population}-{algorithm}"),
    benchmark:
        results("benchmark", job="normalise_scores/{population}-{algorithm}")
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
