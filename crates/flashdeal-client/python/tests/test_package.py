"""What the package says of itself."""

from __future__ import annotations

import ast
import re
import unittest
from pathlib import Path

FOLDER = Path(__file__).parent.parent


class Package(unittest.TestCase):
    def test_it_is_written_for_the_oldest_python_it_names(self) -> None:
        self.assertIn('requires-python = ">=3.9"', (FOLDER / "pyproject.toml").read_text())
        sources = sorted(FOLDER.glob("*/**/*.py"))
        self.assertGreater(len(sources), 10)
        for source in sources:
            ast.parse(source.read_text(encoding="utf-8"), str(source), feature_version=(3, 9))

    def test_it_tells_the_server_its_version(self) -> None:
        version = re.search(r'^version = "(.+)"$', (FOLDER / "pyproject.toml").read_text(), re.MULTILINE)
        assert version is not None
        client = (FOLDER / "src/flashdeal/client.py").read_text(encoding="utf-8")
        self.assertIn(f'"flashdeal-python/{version[1]}"', client)


if __name__ == "__main__":
    unittest.main()
