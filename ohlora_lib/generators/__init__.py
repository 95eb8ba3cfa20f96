"""Generator families: one folder each, behind the interface in `base`."""
