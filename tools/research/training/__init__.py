"""Parts of tools/research/train_vqgan.py."""
