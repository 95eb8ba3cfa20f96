# Weights made by others (resources/weights.yaml): downloaded where the configuration allows it, then
# converted once. A run that lacks some stops before any job, see require_weights.


rule fetch_weights:
    output:
        file=f"{FOLDER}/downloads/{{download}}",
    log:
        result("logs/fetch_weights/{download}.log"),
    benchmark:
        result("benchmarks/fetch_weights/{download}.tsv")
    wildcard_constraints:
        download=any_of(map(re.escape, missing_downloads())) or "none",
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime="2h",
    params:
        source=published_file,
    script:
        "../workflow_scripts/fetch_weights.py"


rule import_weights:
    input:
        file=download_of,
    output:
        weights=f"{FOLDER}/{{name}}/{{part}}.safetensors",
    log:
        result("logs/import_weights/{name}/{part}.log"),
    benchmark:
        result("benchmarks/import_weights/{name}/{part}.tsv")
    wildcard_constraints:
        name=any_of(WEIGHTS),
        part=r"[a-z0-9_-]+",
    priority: LONGEST_PATH
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=3000,
        runtime="30m",
    params:
        part=lambda wildcards: asdict(part_of(wildcards)[1]),
        sha256=lambda wildcards: part_of(wildcards)[0].sha256,
    script:
        "../workflow_scripts/import_weights.py"
