# Stage: classify.
