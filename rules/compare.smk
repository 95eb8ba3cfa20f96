# Experiments: the record of a run, and a page that compares two runs.

from ohlora_lib.reporting.compared_runs import compared_files, comparison_file

COMPARISON = partial(comparison_file, config["results"], config["runs"])


rule record_run:
    input:
        [results("leaderboard", extent="")] if EVERY_RUN else [],  # a record of its own run
    output:
        configuration=results("configuration"),
        record=results("record"),
    log:
        results("log", job="record_run"),
    benchmark:
        results("benchmark", job="record_run")
    localrule: True
    conda:
        "../envs/table.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="5m",
    params:
        resolved={key: value for key, value in config.items() if key != "runs"},
        commit=lambda wildcards: commit(workflow.basedir),
        environment=lambda wildcards: environment(),
    script:
        "../workflow_scripts/record_run.py"


rule compare:
    input:
        compared_files(config["results"], config["runs"]),
    output:
        page=COMPARISON("compare", ".html"),
    log:
        COMPARISON("logs/compare", ".log"),
    benchmark:
        COMPARISON("benchmarks/compare", ".tsv")
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
