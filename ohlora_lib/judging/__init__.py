"""Requests, judges, metrics and protocols."""
