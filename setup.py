"""What pyproject.toml cannot say: which packages there are, and the README without the block that configures a Space."""

from pathlib import Path

from setuptools import find_packages, setup

readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")

setup(
    # assets/ is installed as one more package, tgvig_assets
    packages=[*find_packages(include=["tgvig_core*", "tgvig_ui*", "tgvig_serve*"]), "tgvig_assets"],
    package_dir={"tgvig_assets": "assets"},
    long_description=readme.removeprefix("---\n").split("\n---\n", 1)[-1].lstrip(),
    long_description_content_type="text/markdown",
)
