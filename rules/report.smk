# Stage: report.

def report_figures(population):
    return []
