"""FineTune-v1 to v5 and v8: a generator learns to obey requested scores.

One loop (`loop`), one way to give a generator a label (`conditioning`), three objectives
(`adversarial`, `scores`, `autoencoder`) and one table of what the versions are (`versions`).
"""
