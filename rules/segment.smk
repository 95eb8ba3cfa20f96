# Stage: segment.
