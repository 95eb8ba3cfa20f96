# Experiments: the record of a run, and a page that compares two runs.


rule record_run:
    input:
        leaderboards(),
    output:
        configuration=result("config.yaml"),
        record=result("run.json"),
    log:
        result("logs/record_run.log"),
    benchmark:
        result("benchmarks/record_run.tsv")
    localrule: True
    conda:
        "../envs/table.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="5m",
    params:
        resolved=resolved_configuration(),
        commit=checkout_commit,
        environment=main_packages,
    script:
        "../workflow_scripts/record_run.py"


rule compare:
    input:
        compared_files,
    output:
        page=comparison("compare", ".html"),
    log:
        comparison("logs/compare", ".log"),
    benchmark:
        comparison("benchmarks/compare", ".tsv")
    localrule: True
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        results=lambda wildcards, output: str(Path(output.page).parents[1]),
        runs=lookup(dpath="runs", within=config),
    script:
        "../workflow_scripts/compare_runs.py"
