"""A deep convolutional GAN (Radford et al. 2016, arXiv:1511.06434) made style-based."""
