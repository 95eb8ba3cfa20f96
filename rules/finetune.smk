# Fine-tunes: every version trains in a job of its own, so that a cluster runs them at once. What a
# job writes beside the generator depends on its objective, hence a rule for each.


wildcard_constraints:
    version=any_of(FINETUNES) or "none",


rule finetune_adversarial:
    input:
        unpack(finetune_inputs),
    output:
        generator=result("finetune/{version}/generator.safetensors"),
        discriminator=result("finetune/{version}/discriminator.safetensors"),
        log=result("finetune/{version}/train_log.csv"),
        samples=directory(result("finetune/{version}/samples")),
    log:
        result("logs/finetune/{version}.log"),
    benchmark:
        result("benchmarks/finetune/{version}.tsv")
    wildcard_constraints:
        version=any_of(finetune_names("adversarial")) or "none",
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: finetune_threads
    resources:
        gpu=finetune_gpus,
        processes=finetune_cores,
        mem_mb=training_memory,
        runtime="24h",
    params:
        folder=result("finetune/{version}"),
        state=result("state/finetune/{version}"),
        seed=lookup(dpath="seed", within=config),
        recipe=finetune_recipe,
        options=lambda wildcards: asdict(finetune_options(wildcards.version)),
        modules=["ohlora_lib.methods.finetune.adversarial"],
    script:
        "../workflow_scripts/finetune.py"


use rule finetune_adversarial as finetune_scores with:
    output:
        generator=result("finetune/{version}/generator.safetensors"),
        log=result("finetune/{version}/train_log.csv"),
        samples=directory(result("finetune/{version}/samples")),
    wildcard_constraints:
        version=any_of(finetune_names("scores")) or "none",
    priority: SHORTER_PATH
    params:
        folder=result("finetune/{version}"),
        state=result("state/finetune/{version}"),
        seed=lookup(dpath="seed", within=config),
        recipe=finetune_recipe,
        options=lambda wildcards: asdict(finetune_options(wildcards.version)),
        modules=["ohlora_lib.methods.finetune.scores"],


use rule finetune_adversarial as finetune_autoencoder with:
    output:
        generator=result("finetune/{version}/generator.safetensors"),
        encoder=result("finetune/{version}/encoder.safetensors"),
        posterior=result("finetune/{version}/posterior.parquet"),
        log=result("finetune/{version}/train_log.csv"),
        samples=directory(result("finetune/{version}/samples")),
    wildcard_constraints:
        version=any_of(finetune_names("autoencoder")) or "none",
    priority: SHORTER_PATH
    params:
        folder=result("finetune/{version}"),
        state=result("state/finetune/{version}"),
        seed=lookup(dpath="seed", within=config),
        recipe=finetune_recipe,
        options=lambda wildcards: asdict(finetune_options(wildcards.version)),
        modules=["ohlora_lib.methods.finetune.autoencoder"],
