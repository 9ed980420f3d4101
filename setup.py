"""What pyproject.toml cannot say: the packages that are found, and assets/ as one more, called tgvig_assets."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["tgvig_core*", "tgvig_ui*", "tgvig_serve*"]), "tgvig_assets"],
    package_dir={"tgvig_assets": "assets"},
)
