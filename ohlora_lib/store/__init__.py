"""Shards, tables and checkpoints: everything that touches the disk."""
