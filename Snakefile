# Table of contents: configuration, one file per stage, target rules.
from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


report: "rules/captions/workflow.rst"


include: "rules/common.smk"
include: "rules/methods.smk"
include: "rules/generate.smk"
include: "rules/label.smk"
include: "rules/classify.smk"
include: "rules/segment.smk"
include: "rules/score.smk"
include: "rules/property_cnn.smk"
include: "rules/finetune.smk"
include: "rules/vectorfind.smk"
include: "rules/evaluate.smk"
include: "rules/leaderboard.smk"
include: "rules/select.smk"
include: "rules/report.smk"
include: "rules/compare.smk"
include: "rules/pretrain.smk"


rule all:
    default_target: True
    input:
        run_results(),


rule published:
    input:
        run_results(),
        result("leaderboard_published.csv"),
