# Weights made by others (resources/weights.yaml): downloaded where the configuration allows it, then
# converted once. A run that lacks some stops before any job, see require_weights.
from dataclasses import asdict

from ohlora_lib.weights.entries import FOLDER
from ohlora_lib.weights.registry import find_part, load_registry


def or_exit(function, *arguments):
    """Return what a function returns, or stop with one sentence where the input is wrong."""
    try:
        return function(*arguments)
    except InputError as error:
        sys.exit(f"error: {error}")


def part_of(wildcards):
    """Return the published file that the job's part is in, and the part."""
    return or_exit(find_part, WEIGHTS[wildcards.name], wildcards.part)


def download_of(wildcards):
    """Input function: where the published file that the job's part is in belongs."""
    return str(WEIGHTS[wildcards.name].download(part_of(wildcards)[0]))


def published_file(wildcards):
    """Params function: address, size and checksum of the file that the job downloads."""
    _, file = DOWNLOADS[f"{FOLDER}/downloads/{wildcards.download}"]
    return {"url": file.url, "size": file.bytes, "sha256": file.sha256}


def require_weights():
    """Stop before any job where weights are missing: name them all, each with its remedy."""
    problems = []
    for job in workflow.dag.needrun_jobs():
        if job.rule.name == "fetch_weights":
            entry, file = DOWNLOADS[str(job.output[0])]
            if file.url is None or not config["domain"]["download"]:
                problems.append(f"error: {job.output[0]} is missing; {entry.remedy(file)}")
    if problems:
        sys.exit("\n".join(sorted(problems)))


WEIGHTS = or_exit(load_registry)
# where every file of weights made by others belongs -> its entry and itself
DOWNLOADS = {
    str(entry.download(file)): (entry, file) for entry in WEIGHTS.values() for file in entry.files
}
# only these have a rule: what a person has put there is never deleted by a run
MISSING = [
    path.removeprefix(f"{FOLDER}/downloads/") for path in DOWNLOADS if not Path(path).exists()
]


rule fetch_weights:
    output:
        file=f"{FOLDER}/downloads/{{download}}",
    log:
        results("log", job="fetch_weights/{download}"),
    benchmark:
        results("benchmark", job="fetch_weights/{download}")
    wildcard_constraints:
        download=any_of(map(re.escape, MISSING)),
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
        results("log", job="import_weights/{name}/{part}"),
    benchmark:
        results("benchmark", job="import_weights/{name}/{part}")
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
