# Stage: score.
