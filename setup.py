"""What pyproject.toml cannot say of the wheel: tests that stand beside what they test stay out of it."""

from setuptools import setup
from setuptools.command.build_py import build_py


class WithoutTests(build_py):
    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        found = super().find_package_modules(package, package_dir)
        return [one for one in found if not one[1].startswith("test_")]


setup(cmdclass={"build_py": WithoutTests})
