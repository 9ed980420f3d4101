"""TGVIG: text-guided variational image generation for few-shot industrial anomaly detection (CVPR 2024)."""

__version__ = "0.1.0"
