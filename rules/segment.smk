# Segmentation: class maps of the images that passed the filter.


rule segment_images:
    input:
        unpack(segmenter_weights),
        images=image_shards,
        kept=result("{population}/filtered.parquet"),
    output:
        shards=shards("{population}", "segments"),
    log:
        result("logs/segment_images/{population}.log"),
    benchmark:
        result("benchmarks/segment_images/{population}.tsv")
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=3000,
        runtime="2h",
    params:
        kind=lookup(dpath="domain/segmenter/kind", within=config),
        batch=lookup(dpath="domain/segmenter/batch", within=config),
        code=segmenter_code("ohlora_lib.populations.segment"),
    script:
        "../workflow_scripts/segment_images.py"
