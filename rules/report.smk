# Stage: report.
