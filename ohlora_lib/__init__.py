"""Oh-LoRA Lab: turns a pretrained face StyleGAN into a controllable virtual human."""
