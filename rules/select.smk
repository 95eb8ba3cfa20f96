# Selection: the latents of a method, ranked, a page on which a person picks among the best, and the
# model that a user ships.


rule rank_identities:
    input:
        requests=results("requests"),
        attributes=results("picture_attributes"),
        measured=expand(
            results("measured"),
            judge=RANKING,
            allow_missing=True,
        ),
        per_latent=expand(
            results("per_latent"),
            judge=RANKING,
            allow_missing=True,
        ),
        summaries=expand(
            results("judgement"),
            judge=RANKING,
            allow_missing=True,
        ),
    output:
        table=results("identities"),
        summary=results("identities_summary"),
    log:
        results("log", job="rank_identities/{method}"),
    benchmark:
        results("benchmark", job="rank_identities/{method}")
    conda:
        "../envs/table.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        judges=list(RANKING),
    script:
        "../workflow_scripts/rank_identities.py"


rule draw_identities:
    input:
        requests=results("requests"),
        pictures=results("pictures"),
        table=results("identities"),
        summary=results("identities_summary"),
    output:
        picture=report(
            results("identities_picture"),
            caption="captions/identities.rst",
            category="7 Control",
            subcategory="identities",
            labels={"figure": "best identities", "method": "{method}"},
        ),
        page=report(
            results("identities_page"),
            caption="captions/identities_page.rst",
            category="7 Control",
            subcategory="identities",
            labels={"figure": "page to pick from", "method": "{method}"},
        ),
    log:
        results("log", job="draw_identities/{method}"),
    benchmark:
        results("benchmark", job="draw_identities/{method}")
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
        parts=list(SELECTED_MODEL.values()),
        identities=results("identities", method=SELECTED or "none"),
        latents=results("latents", method=SELECTED or "none"),
        leaderboard=results("leaderboard", extent=""),
    output:
        parts=[results("model_part", part=name) for name in SELECTED_MODEL],
        latents=results("model_latents"),
        card=results("model_card"),
    log:
        results("log", job="collect_model"),
    benchmark:
        results("benchmark", job="collect_model")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        names=list(SELECTED_MODEL),
        model={
            "method": SELECTED,
            "domain": config["domain"]["name"],
            "resolution": config["domain"]["resolution"],
        },
    script:
        "../workflow_scripts/collect_model.py"
