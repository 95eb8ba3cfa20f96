# Images: every population's generator draws its faces into shards, or a folder has them already.


for part, paths in scattered("generate", "images").items():

    rule:
        name:
            f"generate_images{part}".replace("_{shard}", "")
        input:
            weights=generator_weights,
        output:
            shards=paths,
        log:
            result(f"logs/generate_images/{{population}}{part}.log"),
        benchmark:
            result(f"benchmarks/generate_images/{{population}}{part}.tsv")
        wildcard_constraints:
            population=any_of(generated_populations()) or "none",
        priority: LONGEST_PATH
        conda:
            "../envs/torch.yaml"
        threads: population_threads
        resources:
            gpu=1,
            mem_mb=2500,
            runtime="2h",
        params:
            recipe=generation_recipe,
            shards=lookup(dpath="shards", within=config),
            batch_size=lookup(dpath="inference/batch", within=config),
        script:
            "../workflow_scripts/generate_images.py"


# without need of it, Snakemake would look through all its shards for each that is an input
if imported_populations():

    rule import_images:
        output:
            shards=shards("{population}", "images"),
        log:
            result("logs/import_images/{population}.log"),
        benchmark:
            result("benchmarks/import_images/{population}.tsv")
        wildcard_constraints:
            population=any_of(imported_populations()),
        priority: LONGEST_PATH
        conda:
            "../envs/report.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime="1h",
        params:
            recipe=import_recipe,
            pictures=picture_listing,  # thousands of files: too many to be inputs
        script:
            "../workflow_scripts/import_images.py"
