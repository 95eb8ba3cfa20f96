# Images: every population's generator draws its faces into shards.


rule generate_images:
    input:
        weights=generator_weights,
    output:
        shards=shards("{population}", "images"),
    log:
        result("logs/generate_images/{population}.log"),
    benchmark:
        result("benchmarks/generate_images/{population}.tsv")
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: 2
    resources:
        gpu=1,
        mem_mb=2500,
        runtime="2h",
    params:
        recipe=generation_recipe,
        batch_size=lookup(dpath="inference/batch", within=config),
        code=code_digest("ohlora_lib.populations.generate"),
    script:
        "../workflow_scripts/generate_images.py"
