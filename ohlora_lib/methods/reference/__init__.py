"""Finished models that somebody else trained, judged like our own."""
