# Stage: pretrain.
