# Weights made by others (resources/weights.yaml): downloaded where the configuration allows it, then
# converted once. A run that lacks some stops before any job, see require_weights.
from dataclasses import asdict

from ohlora_lib.weights.entries import FOLDER
from ohlora_lib.weights.plan import WeightFiles
from ohlora_lib.weights.registry import load_registry

WEIGHTS = WeightFiles(or_exit(load_registry))


rule fetch_weights:
    output:
        file=f"{FOLDER}/downloads/{{download}}",
    log:
        results("log", job="fetch_weights/{download}"),
    benchmark:
        results("benchmark", job="fetch_weights/{download}")
    wildcard_constraints:
        download=any_of(map(re.escape, WEIGHTS.missing())),  # what a person put there stays
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="2h",
    params:
        source=lambda wildcards: WEIGHTS.source(wildcards.download),
    script:
        "../workflow_scripts/fetch_weights.py"


rule import_weights:
    input:
        file=lambda wildcards: or_exit(WEIGHTS.download_of, wildcards.name, wildcards.part),
    output:
        weights=f"{FOLDER}/{{name}}/{{part}}.safetensors",
    log:
        results("log", job="import_weights/{name}/{part}"),
    benchmark:
        results("benchmark", job="import_weights/{name}/{part}")
    wildcard_constraints:
        name=any_of(WEIGHTS.entries),
        part=r"[a-z0-9_-]+",
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime="30m",
    params:
        part=lambda wildcards: asdict(WEIGHTS.part(wildcards.name, wildcards.part)[1]),
        sha256=lambda wildcards: WEIGHTS.part(wildcards.name, wildcards.part)[0].sha256,
    script:
        "../workflow_scripts/import_weights.py"
