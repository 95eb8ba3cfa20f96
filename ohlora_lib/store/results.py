"""Where every file of a run lies: one map, used by rules, scripts, the command line and tests."""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

# Name -> path below the run's folder. Wildcards, in braces, are those of the rules.
FILES = {
    # the run
    "configuration": "config.yaml",
    "record": "run.json",
    "leaderboard": "leaderboard{extent}.csv",
    "leaderboard_page": "leaderboard{extent}.html",
    "costs": "costs{extent}.csv",
    "benchmarks": "benchmarks",
    "log": "logs/{job}.log",
    "benchmark": "benchmarks/{job}.tsv",
    "state": "state/{training}",
    "earlier": "state/{training}/earlier.json",
    # a population
    "image_shard": "{population}/images/shard-{shard}.parquet",
    "segment_shard": "{population}/segments/shard-{shard}.parquet",
    "annotator": "{population}/annotator.parquet",
    "labels": "{population}/labels.parquet",
    "classifier": "{population}/classifiers/{attribute}/fold-{fold}.safetensors",
    "fold_metrics": "{population}/classifiers/{attribute}/fold-{fold}.json",
    "predictions": "{population}/classifiers/{attribute}/predictions.parquet",
    "classifier_metrics": "{population}/classifiers/{attribute}/metrics.json",
    "attributes": "{population}/attributes.parquet",
    "filtered": "{population}/filtered.parquet",
    "filter_counts": "{population}/filter.json",
    "raw_scores": "{population}/scores/{algorithm}/{property}.parquet",
    "scores": "{population}/all_scores_{algorithm}.csv",
    "score_statistics": "{population}/all_scores_{algorithm}.json",
    # property and hairstyle CNN
    "property_cnn": "property_cnn/property_cnn.safetensors",
    "property_cnn_scores": "property_cnn/all_scores_v2_cnn.csv",
    "property_cnn_metrics": "property_cnn/metrics.json",
    "property_cnn_log": "property_cnn/train_log.csv",
    "property_cnn_validation": "property_cnn/validation_ids.parquet",
    "hairstyle_cnn": "hairstyle_cnn/hairstyle_cnn.safetensors",
    "hairstyle_cnn_scores": "hairstyle_cnn/hairstyle_cnn.csv",
    "hairstyle_cnn_metrics": "hairstyle_cnn/metrics.json",
    "hairstyle_cnn_log": "hairstyle_cnn/train_log.csv",
    "hairstyle_cnn_validation": "hairstyle_cnn/validation_ids.parquet",
    "merged_cnn": "hairstyle_cnn/merged.safetensors",
    # methods
    "finetune": "finetune/{version}",
    "generator": "finetune/{version}/generator.safetensors",
    "discriminator": "finetune/{version}/discriminator.safetensors",
    "encoder": "finetune/{version}/encoder.safetensors",
    "posterior": "finetune/{version}/posterior.parquet",
    "training_log": "finetune/{version}/train_log.csv",
    "training_samples": "finetune/{version}/samples",
    "training_curves": "finetune/{version}/training_curves.png",
    "concept": "finetune/{version}/concept.json",
    "random_label_generator": "samples/{finetune}_random.safetensors",
    "samples": "samples/{source}.parquet",
    "sample_part": "samples/{source}{slice}.parquet",
    "vectors": "vectorfind/{vectors}/vectors.safetensors",
    "vector_metrics": "vectorfind/{vectors}/metrics.json",
    "vector_test": "vectorfind/{vectors}/test_result.csv",
    "vector_test_summary": "vectorfind/{vectors}/test_summary.json",
    "tsne": "vectorfind/{vectors}/tsne.png",
    "directions": "directions/{directions}/directions.safetensors",
    "direction_metrics": "directions/{directions}/metrics.json",
    "saturation": "directions/saturation.csv",
    "reference_generator": "references/{reference}/generator.safetensors",
    "reference_vectors": "references/{reference}/vectors.safetensors",
    "reference_posterior": "references/{reference}/posterior.parquet",
    # judging
    "evaluation": "evaluation",
    "requests": "evaluation/{method}/requests.parquet",
    "latents": "evaluation/{method}/latents.parquet",
    "pictures": "evaluation/{method}/pictures.parquet",
    "picture_attributes": "evaluation/{method}/attributes.parquet",
    "picture_quality": "evaluation/{method}/quality.json",
    "measured": "evaluation/{method}/{judge}/measured.parquet",
    "per_latent": "evaluation/{method}/{judge}/per_latent.csv",
    "judgement": "evaluation/{method}/{judge}/summary.json",
    "control_grid": "evaluation/{method}/{judge}/grid_{place}.jpg",
    "levels": "evaluation/{method}/{judge}/levels.jpg",
    "leakage": "evaluation/{method}/{judge}/leakage.png",
    # what a user takes away
    "identities": "identities/{method}/identities.csv",
    "identities_summary": "identities/{method}/summary.json",
    "identities_picture": "identities/{method}/identities.png",
    "identities_page": "identities/{method}/identities.html",
    "model_part": "model/{part}.safetensors",
    "model_latents": "model/latents.parquet",
    "model_card": "model/README.md",
    # figures
    "population_figure": "report/{population}/{figure}",
    "figure": "report/{figure}",
    # training of the shipped weights
    "pool": "pretrain/portraits/{pool}/{array}.npy",
    "pretrained": "pretrain/{file}",
}
WILDCARD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Results:
    """The files of one run: `Results("results")("labels", population="v1")` is a path.

    Args:
        folder: of the run; "" for paths below it.
    """

    folder: str

    def __call__(self, name: str, **wildcards: str | int) -> str:
        """Return the path of a file.

        Args:
            name: one of `FILES`.
            wildcards: values for the wildcards in its path; one that is not given stays as it is,
                in braces, for the rules.

        Raises:
            KeyError: there is no such file, or it has no such wildcard.
        """
        if name not in FILES:
            near = difflib.get_close_matches(name, FILES, n=1)
            raise KeyError(f"no file of a run is called {name!r}; {near or sorted(FILES)}")
        pattern = FILES[name]
        unknown = wildcards.keys() - set(WILDCARD.findall(pattern))
        if unknown:
            raise KeyError(f"{name} has no wildcard {', '.join(sorted(unknown))}: {pattern}")
        path = WILDCARD.sub(lambda found: str(wildcards.get(found[1], found[0])), pattern)
        return f"{self.folder}/{path}" if self.folder else path

    def path(self, name: str, **wildcards: str | int) -> Path:
        """Return the same as a `Path`."""
        return Path(self(name, **wildcards))

    def shards(self, population: str, kind: str, count: int) -> list[str]:
        """Return all shards of a population, in the order of their ids.

        Args:
            population: its name, or a wildcard.
            kind: `image_shard` or `segment_shard`.
            count: how many there are.
        """
        return [self(kind, population=population, shard=f"{i:05d}") for i in range(count)]


def run_folder(results: str, run: str | None) -> str:
    """Return the folder of a run: `results`, or below it the folder of a named experiment."""
    return f"{results}/{run}" if run else results
