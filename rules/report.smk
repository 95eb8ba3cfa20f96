# Report: figures for the eye, and key figures beside the published ones.


rule plot_summary:
    input:
        labels=result("{population}/labels.parquet"),
        filter=result("{population}/filter.json"),
        segments=segment_shards,
        metrics=collect(
            result("{{population}}/classifiers/{attribute}/metrics.json"),
            attribute=lookup(dpath="populations/{population}/attributes", within=config),
        ),
        scores_v1=result("{population}/all_scores_v1.csv"),
        scores_v2=result("{population}/all_scores_v2.csv"),
    output:
        picture=report(
            result("report/{population}/summary.png"),
            caption="captions/summary.rst",
            category="1 Overview",
            subcategory="{population}",
            labels={"figure": "key figures", "form": "picture"},
        ),
        csv=report(
            result("report/{population}/summary.csv"),
            caption="captions/summary.rst",
            category="1 Overview",
            subcategory="{population}",
            labels={"figure": "key figures", "form": "table"},
        ),
        json=result("report/{population}/summary.json"),
    log:
        result("logs/plot_summary/{population}.log"),
    benchmark:
        result("benchmarks/plot_summary/{population}.tsv")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        attributes=lookup(dpath="populations/{population}/attributes", within=config),
    script:
        "../workflow_scripts/plot_summary.py"


rule plot_funnel:
    input:
        filter=result("{population}/filter.json"),
        segments=segment_shards,
    output:
        picture=report(
            result("report/{population}/funnel.png"),
            caption="captions/funnel.rst",
            category="1 Overview",
            subcategory="{population}",
            labels={"figure": "funnel", "form": "picture"},
        ),
    log:
        result("logs/plot_funnel/{population}.log"),
    benchmark:
        result("benchmarks/plot_funnel/{population}.tsv")
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
        images=image_shards,
        labels=result("{population}/labels.parquet"),
        attributes=result("{population}/attributes.parquet"),
        filter=result("{population}/filter.json"),
        kept=result("{population}/filtered.parquet"),
    output:
        generated=report(
            result("report/{population}/generated.jpg"),
            caption="captions/generated.rst",
            category="2 Images",
            subcategory="{population}",
            labels={"figure": "1 generated"},
        ),
        labelled=report(
            result("report/{population}/labelled.jpg"),
            caption="captions/labelled.rst",
            category="2 Images",
            subcategory="{population}",
            labels={"figure": "2 labelled"},
        ),
        refused=report(
            result("report/{population}/refused.jpg"),
            caption="captions/refused.rst",
            category="2 Images",
            subcategory="{population}",
            labels={"figure": "3 refused"},
        ),
        kept=report(
            result("report/{population}/kept.jpg"),
            caption="captions/kept.rst",
            category="2 Images",
            subcategory="{population}",
            labels={"figure": "4 kept"},
        ),
    log:
        result("logs/plot_samples/{population}.log"),
    benchmark:
        result("benchmarks/plot_samples/{population}.tsv")
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
        folds=fold_metrics,
        metrics=result("{population}/classifiers/{attribute}/metrics.json"),
    output:
        picture=report(
            result("report/{population}/roc-{attribute}.png"),
            caption="captions/roc.rst",
            category="3 Attribute networks",
            subcategory="{population}",
            labels={"attribute": "{attribute}", "figure": "ROC and training curves"},
        ),
    log:
        result("logs/plot_roc/{population}-{attribute}.log"),
    benchmark:
        result("benchmarks/plot_roc/{population}-{attribute}.tsv")
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
        images=image_shards,
        segments=segment_shards,
    output:
        page=report(
            result("report/{population}/overlays.jpg"),
            caption="captions/overlays.rst",
            category="4 Segmentation",
            subcategory="{population}",
            labels={"figure": "class maps over faces"},
        ),
    log:
        result("logs/plot_overlays/{population}.log"),
    benchmark:
        result("benchmarks/plot_overlays/{population}.tsv")
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
        images=image_shards,
        segments=segment_shards,
        scores=result("{population}/all_scores_{algorithm}.csv"),
    output:
        page=report(
            result("report/{population}/strips-{algorithm}.jpg"),
            caption="captions/strips.rst",
            category="5 Property scores",
            subcategory="{population}",
            labels={"figure": "low, median, high", "algorithm": "{algorithm}"},
        ),
    log:
        result("logs/plot_strips/{population}-{algorithm}.log"),
    benchmark:
        result("benchmarks/plot_strips/{population}-{algorithm}.tsv")
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
        v1=result("{population}/all_scores_v1.csv"),
        v2=result("{population}/all_scores_v2.csv"),
    output:
        histograms=report(
            result("report/{population}/histograms.png"),
            caption="captions/histograms.rst",
            category="5 Property scores",
            subcategory="{population}",
            labels={"figure": "histograms", "algorithm": "v1 and v2"},
        ),
        agreement=report(
            result("report/{population}/agreement.png"),
            caption="captions/agreement.rst",
            category="5 Property scores",
            subcategory="{population}",
            labels={"figure": "agreement", "algorithm": "v1 against v2"},
        ),
    log:
        result("logs/plot_scores/{population}.log"),
    benchmark:
        result("benchmarks/plot_scores/{population}.tsv")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    script:
        "../workflow_scripts/plot_scores.py"


# The results that every other rule leads to: when they are there, so are all run times.
LAST_RESULTS = [
    *expand(
        result("{population}/all_scores_{algorithm}.csv"),
        population=config["populations"],
        algorithm=ALGORITHMS,
    ),
    *[
        result(f"{population}/classifiers/{attribute}/metrics.json")
        for population, recipe in config["populations"].items()
        for attribute in recipe["attributes"]
    ],
    result("property_cnn/metrics.json"),
    *judged(methods(), ["summary.json"]),
]


rule plot_runtimes:
    input:
        results=LAST_RESULTS,
    output:
        picture=report(
            result("report/runtimes.png"),
            caption="captions/runtimes.rst",
            category="6 Run",
            subcategory="all populations",
            labels={"figure": "run times", "form": "picture"},
        ),
        csv=report(
            result("report/runtimes.csv"),
            caption="captions/runtimes.rst",
            category="6 Run",
            subcategory="all populations",
            labels={"figure": "run times", "form": "table"},
        ),
    log:
        result("logs/plot_runtimes.log"),
    benchmark:
        result("benchmarks/plot_runtimes.tsv")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        benchmarks=result("benchmarks"),
        # figures come later, base weights and comparisons are no part of a run
        leave_out=["plot_*", "draw_control_grids", "make_leaderboard*", "pretrain", "compare"],
    script:
        "../workflow_scripts/plot_runtimes.py"


# What the report shows of a population, and the run times of all; for the target rule.
report_figures = lambda population: [
    *expand(
        result(f"report/{population}/{{figure}}"),
        figure=[
            "summary.png",
            "funnel.png",
            "generated.jpg",
            "overlays.jpg",
            "histograms.png",
            "agreement.png",
        ],
    ),
    *expand(result(f"report/{population}/strips-{{algorithm}}.jpg"), algorithm=ALGORITHMS),
    *expand(
        result(f"report/{population}/roc-{{attribute}}.png"),
        attribute=config["populations"][population]["attributes"],
    ),
    result("report/runtimes.png"),
]
