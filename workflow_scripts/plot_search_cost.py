"""Rule plot_search_cost: yield against seconds and samples."""

from ohlora_lib.runtime.jobs import start_job

start_job(snakemake.log[0], snakemake.threads)

from ohlora_lib.reporting.search_cost import plot_search_cost

plot_search_cost(
    snakemake.output.picture,
    snakemake.input.leaderboard,
    snakemake.input.costs,
    snakemake.input.get("saturation"),
)
