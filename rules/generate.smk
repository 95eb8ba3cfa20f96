# Stage: generate.
