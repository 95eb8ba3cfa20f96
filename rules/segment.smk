# Segmentation: class maps of the images that passed the filter.


for part, paths in scattered("segment", "segment_shard").items():

    rule:
        name:
            f"segment_images{part}".replace("_{shard}", "")
        input:
            **segmenter_files(config),
            images=results("image_shard") if "{shard}" in part else IMAGES,
            kept=results("filtered"),
        output:
            shards=paths,
        log:
            results("log", job=f"segment_images/{{population}}{part}"),
        benchmark:
            results("benchmark", job=f"segment_images/{{population}}{part}")
        priority: LONGEST_PATH
        conda:
            "../envs/torch.yaml"
        threads: population_threads
        resources:
            gpu=1,
            mem_mb=3000,
            runtime="2h",
        params:
            kind=lookup(dpath="domain/segmenter/kind", within=config),
            batch=lookup(dpath="domain/segmenter/batch", within=config),
            needs=list(segmenter_files(config)),
            options=segmenter_options(config),
        script:
            "../workflow_scripts/segment_images.py"
