"""TGVIG: text-guided variational image generation for few-shot industrial anomaly detection (CVPR 2024).

As a library: `import tgvig_core as tgvig`. The names of `__all__` are imported when they are first used, so that neither
this import nor `tgvig --help` waits for torch, and a bundle is inspected without it.
"""

from importlib import import_module

__version__ = "0.1.0"

_FILES = {
    "run": "api",
    "resume": "api",
    "export_bundle": "api",
    "open_bundle": "bundles.bundle",
    "load_inspector": "bundles.runtimes",
    "read_photo": "photos.images",
    "heatmap": "inspection.inspector",
    "Result": "runs.result",
    "GeneratorSettings": "generation.settings",
    "IntegratorSettings": "generation.integrator",
    "UpdateSettings": "generation.settings",
    "ViewPolicy": "photos.view_policy",
    "RunContext": "utils.progress",
    "TgvigError": "utils.errors",
    "Stopped": "utils.errors",
}
"""Where each public name is defined. None is called like a file here: importing that file would put it in the name's place."""
__all__ = list(_FILES)


def __getattr__(name: str):
    """A public name, from the file that defines it (PEP 562)."""
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
