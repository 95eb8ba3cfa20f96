"""Grids, plots and pages."""
