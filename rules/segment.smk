# Segmentation: class maps of the images that passed the filter.


for part, paths in scattered("segment", "segments").items():

    rule:
        name:
            f"segment_images{part}".replace("_{shard}", "")
        input:
            unpack(segmenter_weights),
            images=segmented_images,
            kept=result("{population}/filtered.parquet"),
        output:
            shards=paths,
        log:
            result(f"logs/segment_images/{{population}}{part}.log"),
        benchmark:
            result(f"benchmarks/segment_images/{{population}}{part}.tsv")
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
        script:
            "../workflow_scripts/segment_images.py"
