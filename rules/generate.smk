# Images: every population's generator draws its faces into shards, or a folder has them already.


for part, paths in scattered("generate", "image_shard").items():

    rule:
        name:
            f"generate_images{part}".replace("_{shard}", "")
        input:
            weights=lambda wildcards: recipes.generator(config, results, wildcards.population),
        output:
            shards=paths,
        log:
            results("log", job=f"generate_images/{{population}}{part}"),
        benchmark:
            results("benchmark", job=f"generate_images/{{population}}{part}")
        wildcard_constraints:
            population=any_of(recipes.generated(config)),
        priority: LONGEST_PATH
        conda:
            "../envs/torch.yaml"
        threads: population_threads
        resources:
            gpu=1,
            mem_mb=2500,
            runtime="2h",
        params:
            recipe=of_population(recipes.generation),
            shards=lookup(dpath="shards", within=config),
            batch_size=lookup(dpath="inference/batch", within=config),
        script:
            "../workflow_scripts/generate_images.py"


# without need of it, Snakemake would look through all its shards for each that is an input
if recipes.imported(config):

    rule import_images:
        output:
            shards=IMAGES,
        log:
            results("log", job="import_images/{population}"),
        benchmark:
            results("benchmark", job="import_images/{population}")
        wildcard_constraints:
            population=any_of(recipes.imported(config)),
        priority: LONGEST_PATH
        conda:
            "../envs/report.yaml"
        threads: 1
        resources:
            mem_mb=1000,
            runtime="1h",
        params:
            recipe=of_population(recipes.importing),
            pictures=of_population(recipes.picture_listing),  # thousands of files: too many to be inputs
        script:
            "../workflow_scripts/import_images.py"
