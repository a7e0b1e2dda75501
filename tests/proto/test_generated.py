"""The script that generates ``gobgp_trio/api/pb``; ``scripts/test`` runs it on the real files."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_script(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(root / "scripts" / "generate-proto.sh"), *arguments]
    environment = os.environ | {"PYTHON": sys.executable}
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )


def make_tree(root: Path, generated: str) -> Path:
    """A tree with one small message; the file that its generated code belongs into."""
    (root / "scripts").mkdir()
    script = root / "scripts" / "generate-proto.sh"
    script.write_text((ROOT / "scripts" / "generate-proto.sh").read_text())
    script.chmod(0o755)
    (root / "proto" / "api").mkdir(parents=True)
    source = 'syntax = "proto3";\npackage api;\nmessage A {\n  uint32 b = 1;\n}\n'
    (root / "proto" / "api" / "a.proto").write_text(source)
    target = root / "gobgp_trio" / "api" / "pb" / "api" / "__init__.py"
    target.parent.mkdir(parents=True)
    target.write_text(generated)
    return target


def test_written_code_is_current(tmp_path: Path) -> None:
    target = make_tree(tmp_path, "old\n")
    written = run_script(tmp_path)
    assert (written.returncode, written.stderr) == (0, "")
    assert written.stdout == "ok: wrote gobgp_trio/api/pb from 1 files\n"
    assert "class A(betterproto.Message):" in target.read_text()
    checked = run_script(tmp_path, "--check")
    assert (checked.returncode, checked.stdout) == (0, "ok: gobgp_trio/api/pb is current\n")


def test_code_that_differs_is_refused(tmp_path: Path) -> None:
    edited = make_tree(tmp_path, "edited by hand\n")
    done = run_script(tmp_path, "--check")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "error: gobgp_trio/api/pb is not what proto/ gives; "
        "run scripts/generate-proto.sh and commit the result"
    )
    assert edited.read_text() == "edited by hand\n"


def test_a_broken_source_leaves_the_code_alone(tmp_path: Path) -> None:
    kept = make_tree(tmp_path, "old\n")
    (tmp_path / "proto" / "api" / "a.proto").write_text("nonsense\n")
    done = run_script(tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "error: protoc failed; gobgp_trio/api/pb was not touched"
    )
    assert kept.read_text() == "old\n"
