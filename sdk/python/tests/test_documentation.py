"""The example and the README's programs, as a reader would run them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import unittest
from pathlib import Path
from typing import List

from harness import ServerTest

HOME = Path(__file__).resolve().parent.parent


class Documentation(ServerTest):
    def run_program(self, *command: str) -> str:
        environment = {
            **os.environ,
            "PYTHONPATH": str(HOME / "src"),
            "STRONGROOM_URL": self.server.url,
            "STRONGROOM_TOKEN": self.server.token,
        }
        program = [sys.executable, "-W", "error", *command]
        ran = subprocess.run(program, env=environment, cwd=self.directory, capture_output=True, text=True, check=False)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""), ran)
        return ran.stdout

    def test_the_example_runs(self) -> None:
        said = self.run_program(str(HOME / "examples" / "append.py")).splitlines()
        self.assertRegex(said[0], "^entry [0-9]+, leaf [0-9a-f]{64}$")
        self.assertRegex(said[1], "^submitted [0-9a-f-]{36}$")
        self.assertRegex(said[2], "^refused: action: ")
        self.assertEqual(said[3:], ["drained"])
        self.assertEqual([entry["action"] for entry in self.server.entries(source="example")], ["role.grant"])
        self.assertEqual([entry["tool"] for entry in self.server.entries("tool")], ["search"])

    def test_the_programs_of_the_readme_run(self) -> None:
        programs: List[str] = re.findall(r"```python\n(.*?)```", (HOME / "README.md").read_text(), re.DOTALL)
        self.assertEqual(len(programs), 3)
        before = len(self.server.entries(tenant="7"))
        for program in programs:
            self.assertTrue(self.run_program("-c", program.replace("http://127.0.0.1:7717", self.server.url)))
        self.assertEqual(len(self.server.entries(tenant="7")), before + 5)


if __name__ == "__main__":
    unittest.main()
