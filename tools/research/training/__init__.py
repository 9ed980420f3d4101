"""Parts of tools/train_vqgan.py."""
