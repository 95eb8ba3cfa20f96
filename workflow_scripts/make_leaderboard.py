"""Rule make_leaderboard: all methods, ranked, as a table and as a page."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.leaderboard import Judge, Method, write_leaderboard

write_leaderboard(
    snakemake.output.csv,
    snakemake.output.costs,
    snakemake.output.page,
    evaluation=snakemake.params.evaluation,
    methods={name: Method(**source) for name, source in snakemake.params.methods.items()},
    judges={name: Judge(**words) for name, words in snakemake.params.judges.items()},
    informing=snakemake.params.informing,
    selected=snakemake.params.selected,
)
