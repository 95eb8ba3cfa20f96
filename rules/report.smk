# Report: figures for the eye, and key figures beside the published ones.
from ohlora_lib.reporting.targets import last_tables, run_targets, shown

ALL_SCORES = [results("scores", algorithm=each) for each in recipes.score_algorithms(config)]


rule plot_summary:
    input:
        labels=results("labels"),
        filter=results("filter_counts"),
        segments=SEGMENTS,
        metrics=collect(
            results("classifier_metrics", population="{{population}}"),
            attribute=lookup(dpath="populations/{population}/attributes", within=config),
        ),
        scores=ALL_SCORES,
    output:
        picture=report(
            results("population_figure", figure="summary.png"),
            caption="captions/summary.rst",
            category="1 Overview",
            subcategory="{population}",
            labels={"figure": "key figures", "form": "picture"},
        ),
        csv=report(
            results("population_figure", figure="summary.csv"),
            caption="captions/summary.rst",
            category="1 Overview",
            subcategory="{population}",
            labels={"figure": "key figures", "form": "table"},
        ),
        json=results("population_figure", figure="summary.json"),
    log:
        results("log", job="plot_summary/{population}"),
    benchmark:
        results("benchmark", job="plot_summary/{population}")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        attributes=lookup(dpath="populations/{population}/attributes", within=config),
        algorithms=recipes.score_algorithms(config),
    script:
        "../workflow_scripts/plot_summary.py"


rule plot_funnel:
    input:
        filter=results("filter_counts"),
        segments=SEGMENTS,
    output:
        picture=report(
            results("population_figure", figure="funnel.png"),
            caption="captions/funnel.rst",
            category="1 Overview",
            subcategory="{population}",
            labels={"figure": "funnel", "form": "picture"},
        ),
    log:
        results("log", job="plot_funnel/{population}"),
    benchmark:
        results("benchmark", job="plot_funnel/{population}")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    script:
        "../workflow_scripts/plot_funnel.py"


rule plot_samples:
    input:
        images=IMAGES,
        labels=results("labels"),
        attributes=results("attributes"),
        filter=results("filter_counts"),
        kept=results("filtered"),
    output:
        generated=report(
            results("population_figure", figure="generated.jpg"),
            caption="captions/generated.rst",
            category="2 Images",
            subcategory="{population}",
            labels={"figure": "1 generated"},
        ),
        labelled=report(
            results("population_figure", figure="labelled.jpg"),
            caption="captions/labelled.rst",
            category="2 Images",
            subcategory="{population}",
            labels={"figure": "2 labelled"},
        ),
        refused=report(
            results("population_figure", figure="refused.jpg"),
            caption="captions/refused.rst",
            category="2 Images",
            subcategory="{population}",
            labels={"figure": "3 refused"},
        ),
        kept=report(
            results("population_figure", figure="kept.jpg"),
            caption="captions/kept.rst",
            category="2 Images",
            subcategory="{population}",
            labels={"figure": "4 kept"},
        ),
    log:
        results("log", job="plot_samples/{population}"),
    benchmark:
        results("benchmark", job="plot_samples/{population}")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        attributes=lookup(dpath="populations/{population}/attributes", within=config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/plot_samples.py"


rule plot_roc:
    input:
        folds=of_folds("fold_metrics"),
        metrics=results("classifier_metrics"),
    output:
        picture=report(
            results("population_figure", figure="roc-{attribute}.png"),
            caption="captions/roc.rst",
            category="3 Attribute networks",
            subcategory="{population}",
            labels={"attribute": "{attribute}", "figure": "ROC and training curves"},
        ),
    log:
        results("log", job="plot_roc/{population}-{attribute}"),
    benchmark:
        results("benchmark", job="plot_roc/{population}-{attribute}")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        max_loss=lookup(dpath="attributes/{attribute}/max_loss", within=config),
    script:
        "../workflow_scripts/plot_roc.py"


rule plot_overlays:
    input:
        images=IMAGES,
        segments=SEGMENTS,
    output:
        page=report(
            results("population_figure", figure="overlays.jpg"),
            caption="captions/overlays.rst",
            category="4 Segmentation",
            subcategory="{population}",
            labels={"figure": "class maps over faces"},
        ),
    log:
        results("log", job="plot_overlays/{population}"),
    benchmark:
        results("benchmark", job="plot_overlays/{population}")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/plot_overlays.py"


rule plot_strips:
    input:
        images=IMAGES,
        segments=SEGMENTS,
        scores=results("scores"),
    output:
        page=report(
            results("population_figure", figure="strips-{algorithm}.jpg"),
            caption="captions/strips.rst",
            category="5 Property scores",
            subcategory="{population}",
            labels={"figure": "low, median, high", "algorithm": "{algorithm}"},
        ),
    log:
        results("log", job="plot_strips/{population}-{algorithm}"),
    benchmark:
        results("benchmark", job="plot_strips/{population}-{algorithm}")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/plot_strips.py"


rule plot_scores:
    input:
        scores=ALL_SCORES,
    output:
        histograms=report(
            results("population_figure", figure="histograms.png"),
            caption="captions/histograms.rst",
            category="5 Property scores",
            subcategory="{population}",
            labels={"figure": "histograms", "algorithm": "all"},
        ),
        agreement=report(
            results("population_figure", figure="agreement.png"),
            caption="captions/agreement.rst",
            category="5 Property scores",
            subcategory="{population}",
            labels={"figure": "agreement", "algorithm": "v1 against v2"},
        ),
    log:
        results("log", job="plot_scores/{population}"),
    benchmark:
        results("benchmark", job="plot_scores/{population}")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        algorithms=recipes.score_algorithms(config),
    script:
        "../workflow_scripts/plot_scores.py"


rule plot_runtimes:
    input:
        results=last_tables(config, results, METHODS, list(RANKING)),
    output:
        picture=report(
            results("figure", figure="runtimes.png"),
            caption="captions/runtimes.rst",
            category="6 Run",
            subcategory="all populations",
            labels={"figure": "run times", "form": "picture"},
        ),
        csv=report(
            results("figure", figure="runtimes.csv"),
            caption="captions/runtimes.rst",
            category="6 Run",
            subcategory="all populations",
            labels={"figure": "run times", "form": "table"},
        ),
    log:
        results("log", job="plot_runtimes"),
    benchmark:
        results("benchmark", job="plot_runtimes")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        benchmarks=results("benchmarks"),
        # figures come later, base weights and comparisons are no part of a run
        leave_out=["plot_*", "draw_control_grids", "make_leaderboard*", "pretrain", "compare"],
    script:
        "../workflow_scripts/plot_runtimes.py"
