"""StyleGAN (Karras et al. 2019, arXiv:1812.04948)."""
