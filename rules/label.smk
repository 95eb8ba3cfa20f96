# Stage: label.
