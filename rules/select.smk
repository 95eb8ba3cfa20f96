# Selection: the latents of a method, ranked, a page on which a person picks among the best, and the
# model that a user ships.


rule rank_identities:
    input:
        requests=result("evaluation/{method}/requests.parquet"),
        attributes=result("evaluation/{method}/attributes.parquet"),
        measured=expand(
            result("evaluation/{method}/{judge}/measured.parquet"),
            judge=JUDGES,
            allow_missing=True,
        ),
        per_latent=expand(
            result("evaluation/{method}/{judge}/per_latent.csv"),
            judge=JUDGES,
            allow_missing=True,
        ),
        summaries=expand(
            result("evaluation/{method}/{judge}/summary.json"),
            judge=JUDGES,
            allow_missing=True,
        ),
    output:
        table=result("identities/{method}/identities.csv"),
        summary=result("identities/{method}/summary.json"),
    log:
        result("logs/rank_identities/{method}.log"),
    benchmark:
        result("benchmarks/rank_identities/{method}.tsv")
    conda:
        "../envs/table.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        judges=list(JUDGES),
    script:
        "../workflow_scripts/rank_identities.py"


rule draw_identities:
    input:
        requests=result("evaluation/{method}/requests.parquet"),
        pictures=result("evaluation/{method}/pictures.parquet"),
        table=result("identities/{method}/identities.csv"),
        summary=result("identities/{method}/summary.json"),
    output:
        picture=report(
            result("identities/{method}/identities.png"),
            caption="captions/identities.rst",
            category="7 Control",
            subcategory="identities",
            labels={"figure": "best identities", "method": "{method}"},
        ),
        page=report(
            result("identities/{method}/identities.html"),
            caption="captions/identities_page.rst",
            category="7 Control",
            subcategory="identities",
            labels={"figure": "page to pick from", "method": "{method}"},
        ),
    log:
        result("logs/draw_identities/{method}.log"),
    benchmark:
        result("benchmarks/draw_identities/{method}.tsv")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    script:
        "../workflow_scripts/draw_identities.py"


rule collect_model:
    input:
        parts=list(selected_parts().values()),
        identities=result(f"identities/{selected_method() or 'none'}/identities.csv"),
        latents=result(f"evaluation/{selected_method() or 'none'}/latents.parquet"),
        leaderboard=result("leaderboard.csv"),
    output:
        parts=[result(f"model/{name}.safetensors") for name in selected_parts()],
        latents=result("model/latents.parquet"),
        card=result("model/README.md"),
    log:
        result("logs/collect_model.log"),
    benchmark:
        result("benchmarks/collect_model.tsv")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        names=list(selected_parts()),
        model={
            "method": selected_method(),
            "domain": config["domain"]["name"],
            "resolution": config["domain"]["resolution"],
        },
    script:
        "../workflow_scripts/collect_model.py"
