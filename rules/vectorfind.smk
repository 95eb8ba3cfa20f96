# VectorFind and better directions: sample a generator once, then search directions in the samples.


SCATTERED = config["scatter"]["sample"] > 1  # several jobs sample a generator


wildcard_constraints:
    source=any_of(SOURCES),
    vectors=any_of(VECTORFINDS),
    directions=any_of(WAYS),
    slice=r"_\d+_of_\d+" if SCATTERED else "(?:)",  # else nothing


rule randomise_label:
    input:
        generator=results("generator", version="{finetune}"),
    output:
        generator=results("random_label_generator"),
    log:
        results("log", job="randomise_label/{finetune}"),
    benchmark:
        results("benchmark", job="randomise_label/{finetune}")
    wildcard_constraints:
        finetune=any_of(FINETUNES),
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        numbers=max(sampled.RANDOM_LABELS.values()),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/randomise_label.py"


rule draw_samples:
    input:
        generator=of_source("generator"),
        property_cnn=of_source("property_cnn"),
        classifiers=of_source("classifiers"),
    output:
        samples=temp(results("sample_part")) if SCATTERED else results("sample_part"),
    log:
        results("log", job="draw_samples/{source}{slice}"),
    benchmark:
        results("benchmark", job="draw_samples/{source}{slice}")
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="12h",
    params:
        samples=of_source("samples"),
        part=sample_part,
        seed=lookup(dpath="seed", within=config),
        batch_size=lookup(dpath="inference/batch", within=config),
    script:
        "../workflow_scripts/draw_samples.py"


if SCATTERED:

    rule join_samples:
        input:
            parts=of_source("part_tables"),
        output:
            samples=results("samples"),
        log:
            results("log", job="join_samples/{source}"),
        benchmark:
            results("benchmark", job="join_samples/{source}")
        priority: LONGEST_PATH
        conda:
            "../envs/table.yaml"
        threads: 1
        resources:
            mem_mb=500,
            runtime="1h",
        script:
            "../workflow_scripts/join_samples.py"


rule find_vectors:
    input:
        samples=of_search("source.table"),
        generator=of_search("source.generator"),
        property_cnn=of_search("source.property_cnn"),
    output:
        vectors=results("vectors"),
        metrics=results("vector_metrics"),
    log:
        results("log", job="find_vectors/{vectors}"),
    benchmark:
        results("benchmark", job="find_vectors/{vectors}")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=search_memory,
        runtime="12h",
    params:
        settings=of_search("settings"),
        seed=lookup(dpath="seed", within=config),
        batch_size=lookup(dpath="inference/batch", within=config),
    script:
        "../workflow_scripts/find_vectors.py"


rule test_vectors:
    input:
        samples=of_search("source.table"),
        generator=of_search("source.generator"),
        property_cnn=of_search("source.property_cnn"),
        vectors=results("vectors"),
    output:
        table=results("vector_test"),
        summary=results("vector_test_summary"),
    log:
        results("log", job="test_vectors/{vectors}"),
    benchmark:
        results("benchmark", job="test_vectors/{vectors}")
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=2000,
        runtime="4h",
    params:
        latents=lookup(dpath="judging/latents", within=config),
        seed=lookup(dpath="seed", within=config),
        batch_size=lookup(dpath="inference/batch", within=config),
    script:
        "../workflow_scripts/test_vectors.py"


rule plot_tsne:
    input:
        samples=of_search("source.table"),
    output:
        picture=report(
            results("tsne"),
            caption="captions/tsne.rst",
            category="7 Control",
            subcategory="vectorfind_{vectors}",
            labels={"figure": "4 samples", "judge": "cnn"},
        ),
    log:
        results("log", job="plot_tsne/{vectors}"),
    benchmark:
        results("benchmark", job="plot_tsne/{vectors}")
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=search_memory,
        runtime="2h",
    params:
        settings=of_search("settings"),
        points=lookup(dpath="judging/tsne_points", within=config),
        seed=lookup(dpath="seed", within=config),
    script:
        "../workflow_scripts/plot_tsne.py"


if WAYS:
    moved_in = directions.source(config, results)  # the generator of all directions

    rule fit_directions:
        input:
            samples=moved_in.table,
            generator=moved_in.generator,
            property_cnn=moved_in.property_cnn,
            classifiers=moved_in.classifiers,
            statistics=recipes.score_statistics(config, results),
            start=of_way("start"),
        output:
            directions=results("directions"),
            metrics=results("direction_metrics"),
        log:
            results("log", job="fit_directions/{directions}"),
        benchmark:
            results("benchmark", job="fit_directions/{directions}")
        priority: LONGEST_PATH
        conda:
            "../envs/torch.yaml"
        threads: 1
        resources:
            gpu=1,
            mem_mb=3000,
            runtime="12h",
        params:
            state=results("state", training="directions/{directions}"),
            samples=lookup(dpath="directions/samples", within=config),
            options=of_way("options"),
            modules=of_way("modules"),
            seed=lookup(dpath="seed", within=config),
            batch_size=lookup(dpath="inference/batch", within=config),
        script:
            "../workflow_scripts/fit_directions.py"

    rule measure_saturation:
        input:
            samples=moved_in.table,
            generator=moved_in.generator,
            property_cnn=moved_in.property_cnn,
            classifiers=moved_in.classifiers,
        output:
            table=results("saturation"),
        log:
            results("log", job="measure_saturation"),
        benchmark:
            results("benchmark", job="measure_saturation")
        conda:
            "../envs/torch.yaml"
        threads: 1
        resources:
            gpu=1,
            mem_mb=sampled.search_memory(config["directions"]["samples"]),
            runtime="12h",
        params:
            sizes=lookup(dpath="directions/saturation/sizes", within=config),
            latents=lookup(dpath="directions/saturation/latents", within=config),
            seed=lookup(dpath="seed", within=config),
            batch_size=lookup(dpath="inference/batch", within=config),
        script:
            "../workflow_scripts/measure_saturation.py"
