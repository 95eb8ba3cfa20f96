"""VectorFind-v6 to v8: directions in a latent space, found per group of faces."""
