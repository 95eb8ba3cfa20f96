# Fine-tunes: every version trains in a job of its own, so that a cluster runs them at once. What a
# job writes beside the generator depends on its objective, hence a rule for each.


wildcard_constraints:
    version=any_of(FINETUNES),


for objective, entry in OBJECTIVES.items():

    rule:
        name:
            f"finetune_{objective}"
        input:
            images=of_finetune("images"),
            scores=of_finetune("scores"),
            property_cnn=results("property_cnn"),
            generator=of_finetune("generator"),
            discriminator=of_finetune("discriminator"),
            attribute_cnns=of_finetune("attribute_cnns"),
        output:
            **{name: results(name) for name in entry.outputs},
            generator=results("generator"),
            log=results("training_log"),
            samples=directory(results("training_samples")),
        log:
            results("log", job="finetune/{version}"),
        benchmark:
            results("benchmark", job="finetune/{version}")
        wildcard_constraints:
            version=any_of([name for name, each in FINETUNES.items() if each.objective is entry]),
        priority: LONGEST_PATH if entry.others_wait else SHORTER_PATH
        conda:
            "../envs/torch.yaml"
        threads: of_finetune("threads")
        resources:
            gpu=of_finetune("gpus"),
            processes=of_finetune("cores"),
            mem_mb=training_memory,
            runtime="24h",
        params:
            folder=results("finetune"),
            state=results("state", training="finetune/{version}"),
            seed=lookup(dpath="seed", within=config),
            recipe=of_finetune("title"),
            options=of_finetune("plain_options"),
            wanted=of_finetune("wanted"),
            modules=[f"ohlora_lib.methods.finetune.{objective}"],
        script:
            "../workflow_scripts/finetune.py"
