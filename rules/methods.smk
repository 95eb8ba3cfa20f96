# Helpers of the model half: which methods there are, what each needs, and what is asked of it.
from dataclasses import asdict

from ohlora_lib.methods import configured
from ohlora_lib.methods.configured import DIRECTION_METHODS, DIRECTION_STARTS, RANDOM_LABELS
from ohlora_lib.judging import JUDGES
from ohlora_lib.store.layout import CHUNK

# of the published recipes: one process, and all the steps of the configuration
AS_PUBLISHED = {"gpus": 1, "patience": 0}


def reader_options(network):
    """Return how the property or hairstyle CNN is trained."""
    other = ("population", "gpus", "cores")
    return {key: value for key, value in config[network].items() if key not in other}


def finetunes():
    """Return the settings of every fine-tune: the configured ones, and the published recipes."""
    chosen = config["finetune"]
    published = {
        f"{name}_published": {**settings, "recipe": "published", "options": {}, **AS_PUBLISHED}
        for name, settings in chosen.items()
    }
    return {**chosen, **published}


def finetune_options(version):
    """Return all options of a fine-tune: its recipe's, with what the configuration changes."""
    return configured.finetune_options(FINETUNES[version])


def finetune_recipe(wildcards):
    """Params function: version and recipe that the job's options are a choice of."""
    settings = FINETUNES[wildcards.version]
    return f"{settings['version']} {settings['recipe']}"


def finetune_gpus(wildcards):
    """Return the processes that train a fine-tune together, each on a GPU of its own."""
    return FINETUNES[wildcards.version]["gpus"]


def finetune_cores(wildcards):
    """Return the same for a machine without GPUs, each on a core of its own."""
    return configured.training_cores(FINETUNES[wildcards.version])


def finetune_threads(wildcards):
    """Return the cores of a fine-tune's job: one for each process, wherever it runs."""
    return max(finetune_gpus(wildcards), finetune_cores(wildcards))


def reader_threads(network):
    """Return the same of the property or hairstyle CNN's job."""
    return max(config[network]["gpus"], config[network]["cores"])


def training_memory(wildcards, threads):
    """Return the memory of a training, MB; each process has pictures and networks of its own."""
    return 1500 + 1500 * threads


def finetune_names(objective):
    """Return the fine-tunes with this objective."""
    return [name for name in FINETUNES if finetune_options(name).objective == objective]


def cnn_scores(population):
    """Return the table of a population's scores told by networks, all in the same units."""
    if population == config["property_cnn"]["population"]:
        return result("property_cnn/all_scores_v2_cnn.csv")
    return result(f"{population}/all_scores_cnn.csv")


def finetune_inputs(wildcards):
    """Input function: faces, their scores, judges and the networks a fine-tune starts from."""
    settings = FINETUNES[wildcards.version]
    options = finetune_options(wildcards.version)
    population = settings["population"]
    tables = {
        "v1": result(f"{population}/all_scores_v1.csv"),
        "v2": result(f"{population}/all_scores_v2.csv"),
        "cnn": cnn_scores(population),
    }
    inputs = {
        "images": shards(population, "images"),
        "scores": tables[options.scores],
        "property_cnn": result("property_cnn/property_cnn.safetensors"),
    }
    start = {
        "generator": original_generator(settings["recipe"] == "published"),
        "discriminator": config["domain"]["discriminator"],
    }
    if options.start != "original":
        suffix = "_published" if wildcards.version.endswith("_published") else ""
        parent = result(f"finetune/{options.start}{suffix}")
        start = {key: f"{parent}/{key}.safetensors" for key in ("generator", "discriminator")}
    inputs["generator"] = start["generator"]
    if options.objective == "adversarial" and options.discriminator == "stylegan":
        inputs["discriminator"] = start["discriminator"]
    folder = result(f"{population}/classifiers")
    inputs["attribute_cnns"] = [
        f"{folder}/{name}/fold-0.safetensors" for name in options.attributes
    ]
    return inputs


def sources():
    """Return the generators that are sampled: by name, the fine-tune and how many samples.

    VectorFind-v6 and v7 move in FineTune-v1 with a label that means nothing: the name then ends in
    _random. A generator is sampled once, as often as the greediest search needs.
    """
    found = {}
    for settings in [*VECTORFINDS.values(), *DIRECTIONS.values()]:
        entry = {"finetune": settings["finetune"], "samples": settings["samples"]}
        source = source_of(settings)
        if source in found:
            entry["samples"] = max(entry["samples"], found[source]["samples"])
        found[source] = entry
    return found


def part_names(source):
    """Return what tells the files of a generator's samples apart: one "" unless jobs share them."""
    if config["scatter"]["sample"] == 1:
        return [""]
    chunks = -(-sources()[source]["samples"] // CHUNK)
    parts = min(config["scatter"]["sample"], chunks)
    return [f"_{part}_of_{parts}" for part in range(1, parts + 1)]


def drawn_samples():
    """Return the output of one job that draws samples: a part goes when all are joined."""
    path = result("samples/{source}{slice}.parquet")
    return temp(path) if config["scatter"]["sample"] > 1 else path


def sample_parts(wildcards):
    """Input function: the parts of a generator's samples."""
    return [
        result(f"samples/{wildcards.source}{part}.parquet") for part in part_names(wildcards.source)
    ]


def sample_part(wildcards):
    """Params function: which part of the samples the job draws, from 0, and of how many."""
    names = part_names(wildcards.source)
    return [names.index(wildcards.slice), len(names)]


def source_of(settings):
    """Return the name of the generator that a search moves in."""
    random = settings.get("version") in RANDOM_LABELS
    return settings["finetune"] + ("_random" if random else "")


def source_generator(source):
    """Return the checkpoint of a sampled generator."""
    if source.endswith("_random"):
        return result(f"samples/{source}.safetensors")
    return result(f"finetune/{source}/generator.safetensors")


def source_reader(source):
    """Return the property CNN that reads a generator's samples: the merged one knows eight scores."""
    if source.endswith("_random"):
        return result("property_cnn/property_cnn.safetensors")
    return result("hairstyle_cnn/merged.safetensors")


def source_classifiers(source):
    """Return the attribute classifiers that read a generator's samples."""
    population = FINETUNES[sources()[source]["finetune"]]["population"]
    attributes = config["populations"][population]["attributes"]
    folder = result(f"{population}/classifiers")
    return [f"{folder}/{attribute}/fold-0.safetensors" for attribute in attributes]


def sampling_inputs(wildcards):
    """Input function: the generator to sample and the networks that read its pictures."""
    return {
        "generator": source_generator(wildcards.source),
        "property_cnn": source_reader(wildcards.source),
        "classifiers": source_classifiers(wildcards.source),
    }


def search_settings(wildcards):
    """Return the settings of the job's search."""
    return VECTORFINDS[wildcards.vectors]


def search_memory(samples):
    """Return the MB of a job that holds so many samples, with the copies that a search makes."""
    return 3000 + samples // 100


def source_inputs(source):
    """Return the samples of a generator, the generator, and what reads its pictures."""
    return {
        "samples": result(f"samples/{source}.parquet"),
        "generator": source_generator(source),
        "property_cnn": source_reader(source),
    }


def search_inputs(wildcards):
    """Input function: samples, the generator they are from and what reads its pictures."""
    return source_inputs(source_of(search_settings(wildcards)))


def direction_inputs(wildcards):
    """Input function: as for the saturation, with the directions that the job's start from."""
    inputs = {**saturation_inputs(wildcards), "statistics": score_statistics()}
    start = DIRECTION_STARTS[wildcards.directions]
    if start:
        inputs["start"] = result(f"directions/{start}/directions.safetensors")
    return inputs


def saturation_inputs(wildcards):
    """Input function: samples of the directions' generator and what reads its pictures."""
    source = source_of(config["directions"])
    return {**source_inputs(source), "classifiers": source_classifiers(source)}


def saturation_table(wildcards):
    """Input function: how many samples directions need, where there are any."""
    return {"saturation": result("directions/saturation.csv")} if WAYS else {}


def score_statistics():
    """Return the file whose means and deviations define a score unit, for networks and judges."""
    return result(f"{config['property_cnn']['population']}/all_scores_v2.json")


def methods():
    """Return the names of the configured methods, without the published recipes."""
    return configured.method_names(config)


def all_methods():
    """Return the names of all methods that can be judged."""
    return [*methods(), *[f"finetune_{name}" for name in FINETUNES if name.endswith("_published")]]


def method_settings(method):
    """Return the configuration of a method: its family's entry under its own name."""
    family, _, name = method.partition("_")
    return METHOD_FAMILIES[family][name]


def method_population(wildcards):
    """Return the population whose faces the job's method imitates."""
    settings = method_settings(wildcards.method)
    if wildcards.method.startswith("reference_"):
        return settings["population"]
    return FINETUNES[settings.get("finetune", wildcards.method.removeprefix("finetune_"))][
        "population"
    ]


def method_model(wildcards):
    """Input function: the checkpoint of the job's method, and what it needs beside it."""
    return model_parts(wildcards.method)


def model_parts(method):
    """Return the checkpoint of a method, and what it needs beside it."""
    family, _, name = method.partition("_")
    if family == "finetune":
        return {"model": result(f"finetune/{name}/generator.safetensors")}
    if family == "reference":
        return reference_model(name)
    source = source_of(method_settings(method))
    file = {"vectorfind": "vectors", "directions": "directions"}[family]
    return {
        "model": result(f"{family}/{name}/{file}.safetensors"),
        "generator": source_generator(source),
        "property_cnn": source_reader(source),
    }


def method_modules(wildcards):
    """Params function: the module that draws one family of methods, and no other's."""
    family = wildcards.method.partition("_")[0]
    if family == "reference":
        family = method_settings(wildcards.method)["kind"]
    modules = {
        "finetune": "finetune.conditional",
        "vectorfind": "vectorfind.model",
        "directions": "directions.model",
    }
    return [f"ohlora_lib.methods.{modules[family]}"]


def method_posterior(wildcards):
    """Input function: the latents of an autoencoder's faces; other methods draw theirs at random."""
    family, _, name = wildcards.method.partition("_")
    if family == "reference" and REFERENCES[name]["encoder"]:
        return {"posterior": result(f"references/{name}/posterior.parquet")}
    if family != "finetune" or finetune_options(name).objective != "autoencoder":
        return {}
    return {"posterior": result(f"finetune/{name}/posterior.parquet")}


def reference_model(name):
    """Return the checkpoint of a model made elsewhere, and what it needs beside it."""
    folder = result(f"references/{name}")
    if REFERENCES[name]["kind"] == "finetune":
        return {"model": f"{folder}/generator.safetensors"}
    return {"model": f"{folder}/vectors.safetensors", **reference_beside(name)}


def reference_beside(name):
    """Return the generator that directions made elsewhere move in, and who tells a face's group."""
    settings = REFERENCES[name]
    own = "hairstyle_cnn/merged" if settings["version"] == "v8" else "property_cnn/property_cnn"
    return {
        "generator": settings["generator"],
        "property_cnn": settings["property_cnn"] or result(f"{own}.safetensors"),
    }


def reference_options(wildcards):
    """Params function: what the job's reference is, and how it is drawn."""
    settings = REFERENCES[wildcards.reference]
    key = {"finetune": "style_mixing", "vectorfind": "unit_steps"}[settings["kind"]]
    return {
        "version": settings["version"],
        "resolution": config["domain"]["resolution"],
        key: settings["as_published"][key],
    }


def references(kind):
    """Return the models made elsewhere that are of this kind."""
    return [name for name, settings in REFERENCES.items() if settings["kind"] == kind]


def concept_finetunes():
    """Return the fine-tunes that go on with another one's faces, chosen by attributes: FineTune-v8."""
    return [name for name, settings in FINETUNES.items() if settings["version"] == "v8"]


def concept_figures(names=None):
    """Return the figures of what these fine-tunes (all when None) change beside the scores."""
    chosen = [name for name in concept_finetunes() if names is None or name in names]
    return [result(f"report/concept_{name}.png") for name in chosen]


def concept_attributes(wildcards):
    """Params function: the attributes that chose the job's training images."""
    return config["populations"][FINETUNES[wildcards.version]["population"]]["attributes"]


def concept_inputs(wildcards):
    """Input function: the generator before and after, and who tells what its faces are."""
    population = FINETUNES[wildcards.version]["population"]
    parent = finetune_inputs(wildcards)["generator"]
    inputs = {
        "before": parent,
        "after": result(f"finetune/{wildcards.version}/generator.safetensors"),
    }
    for name in concept_attributes(wildcards):
        folder = result(f"{population}/classifiers/{name}")
        inputs[name] = [f"{folder}/fold-{fold}.safetensors" for fold in folds(name)]
    if config["domain"]["annotator"] is not None:
        inputs["annotator"] = config["domain"]["annotator"]
    return inputs


def selected_method():
    """Return the method whose faces are ranked, or None."""
    return config["selection"]["method"]


def selected_parts():
    """Return what the model consists of whose faces are ranked; nothing where none are."""
    return model_parts(selected_method()) if selected_method() else {}


def judging_counts(wildcards):
    """Params function: how many pictures a method is judged by."""
    return {key: config["judging"][key] for key in ("latents", "joint_latents", "random_images")}


def attribute_readers(wildcards):
    """Input function: the annotator, else the first fold of each of the population's attributes."""
    if config["domain"]["annotator"] is not None:
        return {"annotator": config["domain"]["annotator"]}
    population = method_population(wildcards)
    attributes = config["populations"][population]["attributes"]
    folder = result(f"{population}/classifiers")
    return {"classifiers": [f"{folder}/{name}/fold-0.safetensors" for name in attributes]}


def judge_inputs(wildcards):
    """Input function: what the job's judge looks through."""
    if wildcards.judge == "cnn":
        return {"weights": result("property_cnn/property_cnn.safetensors")}
    return {**segmenter_weights(wildcards), "statistics": score_statistics()}


def judge_options(wildcards):
    """Params function: how the job's judge measures, besides its inputs."""
    if wildcards.judge == "cnn":
        published = method_settings(wildcards.method).get("as_published", {})
        return {"dropout_seed": config["seed"]} if published.get("dropout") else {}
    options = {name: config["scores"]["v2"][name] for name in ALGORITHMS["v1"]}
    segmenter = config["domain"]["segmenter"]
    return {
        "segmenter": segmenter["kind"],
        "batch_size": segmenter["batch"],
        "options": options,
    }


def judge_modules(wildcards):
    """Params function: the module of one judge, and no other's."""
    return [f"ohlora_lib.judging.judges.{wildcards.judge}"]


def trained(names):
    """Return the versions of those methods that are fine-tunes."""
    return [name.removeprefix("finetune_") for name in names if name.startswith("finetune_")]


def leaderboard_methods(wildcards):
    """Return the methods of the job's leaderboard: the one named published has their recipes too."""
    return all_methods() if wildcards.extent else methods()


def leaderboard_inputs(wildcards):
    """Input function: what every judge says of every method, and the figures of all."""
    names = leaderboard_methods(wildcards)
    return {
        "summaries": judged(names, ["summary.json"]),
        "figures": judged(names, ["grid_median.jpg", "levels.jpg", "leakage.png"]),
        "curves": [result(f"finetune/{version}/training_curves.png") for version in trained(names)],
        "logs": [result(f"finetune/{version}/train_log.csv") for version in trained(names)],
        "faces": [face_summary(name) for name in names if reads_faces()],
    }


def reads_faces():
    """Return whether the segmenter also tells head pose and attributes: the judge facexformer."""
    return config["domain"]["segmenter"]["kind"] == "facexformer"


def face_summary(method):
    """Return what the judge facexformer says of a method."""
    return result(f"evaluation/{method}/facexformer/summary.json")


def leaderboard_sources(wildcards):
    """Params function: recipe, training and what it cost, of every method."""
    found = {}
    for name in leaderboard_methods(wildcards):
        family, _, key = name.partition("_")
        settings = method_settings(name)
        found[name] = {
            "recipe": settings.get("recipe", "published"),
            "benchmarks": costs(name),
            "earlier": earlier_costs(name),
        }
        if reads_faces():
            found[name]["faces"] = face_summary(name)
        if "version" in settings:
            made_as = settings["kind"] if family == "reference" else family
            found[name]["published_as"] = f"{made_as}_{settings['version']}"
        if family == "finetune":
            found[name] |= training_facts(key)
        elif family == "reference":
            switched = any(settings["as_published"].values())
            found[name]["recipe"] = "reference, as published" if switched else "reference"
        else:
            found[name]["samples"] = settings["samples"]
            if settings.get("groups") is not None or settings.get("share") is not None:
                found[name]["recipe"] = "changed"
        if family == "directions":
            found[name]["recipe"] = "ours"
    return found


def training_facts(version):
    """Return what the leaderboard's page says of a fine-tune's training."""
    options = finetune_options(version)
    facts = {
        "curves": result(f"finetune/{version}/training_curves.png"),
        "log": result(f"finetune/{version}/train_log.csv"),
        "steps": options.steps,
        "patience": options.patience,
    }
    if options.objective == "autoencoder":
        facts["note"] = (
            "Its latents are those of faces, as its encoder tells them, not random ones."
        )
    return facts


def costs(method):
    """Return the benchmark files of all jobs that made a method, from its generator on.

    With each, the share of it that is the method's: a generator is sampled once for all searches, as
    often as the greediest needs, and a search that takes fewer samples would have drawn fewer.
    """
    family, _, key = method.partition("_")
    if family == "reference":
        return {}  # made elsewhere
    if family == "finetune":
        return {result(f"benchmarks/finetune/{key}.tsv"): 1.0}
    settings = method_settings(method)
    source = source_of(settings)
    share = settings["samples"] / sources()[source]["samples"]
    drawn = [result(f"benchmarks/draw_samples/{source}{part}.tsv") for part in part_names(source)]
    found = dict.fromkeys(drawn, share)
    if family == "vectorfind":
        return {**found, result(f"benchmarks/find_vectors/{key}.tsv"): 1.0}
    while key:
        found[result(f"benchmarks/fit_directions/{key}.tsv")] = 1.0
        key = DIRECTION_STARTS[key]
    return found


def earlier_costs(method):
    """Return the files in which a method's trainings say how long killed jobs worked on them."""
    family, _, key = method.partition("_")
    folders = []
    if family == "finetune":
        folders.append(f"finetune/{key}")
    while family == "directions" and key:
        folders.append(f"directions/{key}")
        key = DIRECTION_STARTS[key]
    return [result(f"state/{folder}/earlier.json") for folder in folders]


def judged(names, files):
    """Return these files of every judge's view of these methods."""
    folder = result("evaluation/{method}/{judge}/{file}")
    return expand(folder, method=names, judge=JUDGES, file=files)


FINETUNES = finetunes()
VECTORFINDS = config["vectorfind"]
WAYS = config["directions"]["ways"] if config["directions"]["enabled"] else []
DIRECTIONS = dict.fromkeys(DIRECTION_METHODS if WAYS else [], config["directions"])
REFERENCES = config["references"]
METHOD_FAMILIES = {
    "finetune": FINETUNES,
    "vectorfind": VECTORFINDS,
    "directions": DIRECTIONS,
    "reference": REFERENCES,
}
