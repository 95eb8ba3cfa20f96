"""Every network but the generators, a module each, and the segmenters."""
