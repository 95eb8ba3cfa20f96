# Images: every population's generator draws its faces into shards.


for part, paths in scattered("generate", "images").items():

    rule:
        name:
            f"generate_images{part}".replace("{shard}", "shard")
        input:
            weights=generator_weights,
        output:
            shards=paths,
        log:
            result(f"logs/generate_images/{{population}}{part}.log"),
        benchmark:
            result(f"benchmarks/generate_images/{{population}}{part}.tsv")
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
            shards=lookup(dpath="shards", within=config),
            batch_size=lookup(dpath="inference/batch", within=config),
            code=code_digest("ohlora_lib.populations.generate"),
        script:
            "../workflow_scripts/generate_images.py"
