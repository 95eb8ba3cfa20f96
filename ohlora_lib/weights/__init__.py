"""Weights made by others: where they come from, how they are fetched, read and converted."""
