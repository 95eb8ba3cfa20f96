# Leaderboard: grids and plots of every method, and all methods in one table.


rule draw_control_grids:
    input:
        requests=result("evaluation/{method}/requests.parquet"),
        pictures=result("evaluation/{method}/pictures.parquet"),
        measured=result("evaluation/{method}/{judge}/measured.parquet"),
        summary=result("evaluation/{method}/{judge}/summary.json"),
    output:
        best=result("evaluation/{method}/{judge}/grid_best.jpg"),
        median=report(
            result("evaluation/{method}/{judge}/grid_median.jpg"),
            caption="captions/control_grid.rst",
            category="7 Control",
            subcategory="{method}",
            labels={"figure": "1 median latent, 50 requests", "judge": "{judge}"},
        ),
        worst=result("evaluation/{method}/{judge}/grid_worst.jpg"),
        levels=report(
            result("evaluation/{method}/{judge}/levels.jpg"),
            caption="captions/levels.rst",
            category="7 Control",
            subcategory="{method}",
            labels={"figure": "2 one property at a time", "judge": "{judge}"},
        ),
        leakage=report(
            result("evaluation/{method}/{judge}/leakage.png"),
            caption="captions/leakage.rst",
            category="7 Control",
            subcategory="{method}",
            labels={"figure": "3 leakage", "judge": "{judge}"},
        ),
    log:
        result("logs/draw_control_grids/{method}-{judge}.log"),
    benchmark:
        result("benchmarks/draw_control_grids/{method}-{judge}.tsv")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    script:
        "../workflow_scripts/draw_control_grids.py"


rule plot_training_curves:
    input:
        log=result("finetune/{version}/train_log.csv"),
    output:
        picture=report(
            result("finetune/{version}/training_curves.png"),
            caption="captions/training_curves.rst",
            category="7 Control",
            subcategory="finetune_{version}",
            labels={"figure": "4 training", "judge": "cnn"},
        ),
    log:
        result("logs/plot_training_curves/{version}.log"),
    benchmark:
        result("benchmarks/plot_training_curves/{version}.tsv")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    script:
        "../workflow_scripts/plot_training_curves.py"


rule make_leaderboard:
    input:
        unpack(leaderboard_inputs),
    output:
        csv=report(
            result("leaderboard{extent}.csv"),
            caption="captions/leaderboard.rst",
            category="7 Control",
            subcategory="all methods",
            labels={"figure": "leaderboard", "judge": "table"},
        ),
        costs=result("costs{extent}.csv"),
        page=report(
            result("leaderboard{extent}.html"),
            caption="captions/leaderboard.rst",
            category="7 Control",
            subcategory="all methods",
            labels={"figure": "leaderboard", "judge": "page"},
        ),
    log:
        result("logs/make_leaderboard{extent}.log"),
    benchmark:
        result("benchmarks/make_leaderboard{extent}.tsv")
    wildcard_constraints:
        extent="|_published",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        evaluation=result("evaluation"),
        methods=leaderboard_sources,
        judges=JUDGES,
        selected=selected_method(),
    script:
        "../workflow_scripts/make_leaderboard.py"


rule plot_search_cost:
    input:
        unpack(saturation_table),
        leaderboard=result("leaderboard.csv"),
        costs=result("costs.csv"),
    output:
        picture=report(
            result("report/search_cost.png"),
            caption="captions/search_cost.rst",
            category="7 Control",
            subcategory="all methods",
            labels={"figure": "yield and cost", "judge": "both"},
        ),
    log:
        result("logs/plot_search_cost.log"),
    benchmark:
        result("benchmarks/plot_search_cost.tsv")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    script:
        "../workflow_scripts/plot_search_cost.py"


rule plot_concept:
    input:
        document=result("finetune/{version}/concept.json"),
    output:
        picture=report(
            result("report/concept_{version}.png"),
            caption="captions/concept.rst",
            category="7 Control",
            subcategory="finetune_{version}",
            labels={"figure": "5 concept", "judge": "annotator, classifiers"},
        ),
    log:
        result("logs/plot_concept/{version}.log"),
    benchmark:
        result("benchmarks/plot_concept/{version}.tsv")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    script:
        "../workflow_scripts/plot_concept.py"
