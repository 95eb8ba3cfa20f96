# Table of contents: configuration, one file per stage, target rules.
from snakemake.utils import min_version

min_version("9.27")


configfile: "config.yaml"


report: "rules/captions/workflow.rst"


include: "rules/common.smk"
include: "rules/methods.smk"
include: "rules/weights.smk"
include: "rules/generate.smk"
include: "rules/label.smk"
include: "rules/classify.smk"
include: "rules/segment.smk"
include: "rules/score.smk"
include: "rules/property_cnn.smk"
include: "rules/finetune.smk"
include: "rules/vectorfind.smk"
include: "rules/references.smk"
include: "rules/evaluate.smk"
include: "rules/leaderboard.smk"
include: "rules/select.smk"
include: "rules/report.smk"
include: "rules/compare.smk"
include: "rules/pretrain_faces.smk"
include: "rules/pretrain.smk"


track_scripts()
count_cards()


onstart:
    require_weights()
    lock_run()
    drop_default_rate_limit()


# Seconds each, figures and tables: on a cluster these run where Snakemake runs, not in the queue.
localrules:
    take_labels,
    collect_metrics,
    join_attributes,
    filter_images,
    normalise_scores,
    randomise_label,
    merge_property_cnn,
    judge_method,
    draw_control_grids,
    rank_identities,
    draw_identities,
    collect_model,
    make_leaderboard,
    plot_summary,
    plot_funnel,
    plot_samples,
    plot_roc,
    plot_overlays,
    plot_strips,
    plot_scores,
    plot_runtimes,
    plot_property_cnn,
    plot_training_curves,
    plot_search_cost,
    plot_concept,
    fetch_weights,
    adopt_generator,
    record_run,
    compare,


rule all:
    default_target: True
    input:
        run_targets(config, results, METHODS),


rule published:
    input:
        rules.all.input,
        results("leaderboard", extent="_published"),
        shown(METHODS.values()),


onsuccess:
    remove_unfinished()
