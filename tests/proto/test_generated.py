"""The checked-in code of ``gobgp_trio/api/pb`` is what ``proto/`` gives."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_check(root: Path) -> subprocess.CompletedProcess[str]:
    command = [str(root / "scripts" / "generate-proto.sh"), "--check"]
    environment = os.environ | {"PYTHON": sys.executable}
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def test_checked_in_code_is_current() -> None:
    done = run_check(ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "ok: gobgp_trio/api/pb is current\n",
        "",
    )


def test_code_that_differs_is_refused(tmp_path: Path) -> None:
    """A tiny tree with one message whose generated code was edited by hand."""
    (tmp_path / "scripts").mkdir()
    script = (ROOT / "scripts" / "generate-proto.sh").read_text()
    (tmp_path / "scripts" / "generate-proto.sh").write_text(script)
    (tmp_path / "scripts" / "generate-proto.sh").chmod(0o755)
    (tmp_path / "proto" / "api").mkdir(parents=True)
    source = 'syntax = "proto3";\npackage api;\nmessage A {\n  uint32 b = 1;\n}\n'
    (tmp_path / "proto" / "api" / "a.proto").write_text(source)
    edited = tmp_path / "gobgp_trio" / "api" / "pb" / "api" / "__init__.py"
    edited.parent.mkdir(parents=True)
    edited.write_text("edited by hand\n")

    done = run_check(tmp_path)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "error: gobgp_trio/api/pb is not what proto/ gives; "
        "run scripts/generate-proto.sh and commit the result"
    )
    assert edited.read_text() == "edited by hand\n"
