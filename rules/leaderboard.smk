# Leaderboard: grids and plots of every method, and all methods in one table.


rule draw_control_grids:
    input:
        requests=results("requests"),
        pictures=results("pictures"),
        measured=results("measured"),
        summary=results("judgement"),
    output:
        best=results("control_grid", place="best"),
        median=report(
            results("control_grid", place="median"),
            caption="captions/control_grid.rst",
            category="7 Control",
            subcategory="{method}",
            labels={"figure": "1 median latent, 50 requests", "judge": "{judge}"},
        ),
        worst=results("control_grid", place="worst"),
        levels=report(
            results("levels"),
            caption="captions/levels.rst",
            category="7 Control",
            subcategory="{method}",
            labels={"figure": "2 one property at a time", "judge": "{judge}"},
        ),
        leakage=report(
            results("leakage"),
            caption="captions/leakage.rst",
            category="7 Control",
            subcategory="{method}",
            labels={"figure": "3 leakage", "judge": "{judge}"},
        ),
    log:
        results("log", job="draw_control_grids/{method}-{judge}"),
    benchmark:
        results("benchmark", job="draw_control_grids/{method}-{judge}")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        looks_through=lambda wildcards: JUDGES[wildcards.judge].looks_through,
    script:
        "../workflow_scripts/draw_control_grids.py"


rule plot_training_curves:
    input:
        log=results("training_log"),
    output:
        picture=report(
            results("training_curves"),
            caption="captions/training_curves.rst",
            category="7 Control",
            subcategory="finetune_{version}",
            labels={"figure": "4 training", "judge": "cnn"},
        ),
    log:
        results("log", job="plot_training_curves/{version}"),
    benchmark:
        results("benchmark", job="plot_training_curves/{version}")
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
        summaries=leaderboard_files("judgement"),
        informing=leaderboard_files("judgement", INFORMING),
        grids=leaderboard_files("control_grid", place="median"),
        levels=leaderboard_files("levels"),
        leakage=leaderboard_files("leakage"),
        curves=training_files("curves"),
        logs=training_files("log"),
    output:
        csv=report(
            results("leaderboard"),
            caption="captions/leaderboard.rst",
            category="7 Control",
            subcategory="all methods",
            labels={"figure": "leaderboard", "judge": "table"},
        ),
        costs=results("costs"),
        page=report(
            results("leaderboard_page"),
            caption="captions/leaderboard.rst",
            category="7 Control",
            subcategory="all methods",
            labels={"figure": "leaderboard", "judge": "page"},
        ),
    log:
        results("log", job="make_leaderboard{extent}"),
    benchmark:
        results("benchmark", job="make_leaderboard{extent}")
    wildcard_constraints:
        extent="|_published",
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        evaluation=results("evaluation"),
        methods=leaderboard_entries,
        judges={name: judge_words(name) for name in RANKING},
        informing={name: judge_table(name) for name in INFORMING},
        selected=SELECTED,
    script:
        "../workflow_scripts/make_leaderboard.py"


rule plot_search_cost:
    input:
        **({"saturation": results("saturation")} if WAYS else {}),
        leaderboard=results("leaderboard", extent=""),
        costs=results("costs", extent=""),
    output:
        picture=report(
            results("figure", figure="search_cost.png"),
            caption="captions/search_cost.rst",
            category="7 Control",
            subcategory="all methods",
            labels={"figure": "yield and cost", "judge": "both"},
        ),
    log:
        results("log", job="plot_search_cost"),
    benchmark:
        results("benchmark", job="plot_search_cost")
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
        document=results("concept"),
    output:
        picture=report(
            results("figure", figure="concept_{version}.png"),
            caption="captions/concept.rst",
            category="7 Control",
            subcategory="finetune_{version}",
            labels={"figure": "5 concept", "judge": "annotator, classifiers"},
        ),
    log:
        results("log", job="plot_concept/{version}"),
    benchmark:
        results("benchmark", job="plot_concept/{version}")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    script:
        "../workflow_scripts/plot_concept.py"
