"""Models that a person or a protocol can drive: latents and requested scores in, pictures out."""
