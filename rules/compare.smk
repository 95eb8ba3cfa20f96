# Experiments: the record of a run, and a page that compares two runs.


def comparison(folder, suffix):
    """Return a file of the comparison that `runs` requests, beside the folders of the runs."""
    name = (config["runs"] or "no-runs").replace(",", "-vs-")
    return f"{config['results']}/{folder}/{name}{suffix}"


def compared_files(wildcards):
    """Input function: what a comparison reads, as far as it is there."""
    names = ("config.yaml", "run.json", "leaderboard.csv", "costs.csv")
    names += ("finetune/*/train_log.csv", "*_cnn/train_log.csv")
    folders = [Path(config["results"], run) for run in (config["runs"] or "").split(",") if run]
    return sorted(str(file) for folder in folders for name in names for file in folder.glob(name))


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
