"""The packages. All else is in setup.cfg, which can name found packages or given ones, but not both."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["tfiqa*"]), "tfiqa.saved_models"])
