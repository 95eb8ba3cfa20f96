"""Calibrated, decoupled directions in w: one file per way to fit them."""
