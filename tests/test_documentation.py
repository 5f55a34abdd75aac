"""Documentation is executed: snippets, examples and the worked kind run, links resolve, pages are up to date."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

import optimizer as opt
from optimizer.cli import app
from optimizer.scenario_file import parse_scenario

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
KIND_PAGES = sorted((ROOT / "docs" / "kinds").glob("*.md"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def blocks(page: Path, language: str) -> list[str]:
    """Fenced blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def named(paths: list[Path]) -> list[object]:
    """Test cases with short names."""
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """``docs/build.py`` as a module."""
    spec = importlib.util.spec_from_file_location("docs_build", ROOT / "docs" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the shipped scenarios, in which snippets may write."""
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios")
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---------------------------------------------------------------------- README
def commands() -> Iterator[tuple[str, str]]:
    """Commands of README's console blocks, each with what it prints there."""
    for block in blocks(ROOT / "README.md", "console"):
        for entry in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = entry.partition("\n")
            yield command, output


def figures(text: str) -> dict[str, str]:
    """Rows of a printed table: name and value, without what differs from run to run and from version to version."""
    rows = re.findall(r"^│ (.*?) +│ +(.*?) │ *$", text, re.MULTILINE)
    return {name.strip(): value for name, value in rows if name.strip() not in ("", "time", "audit")}


def test_python_snippets_of_the_readme_run(project: Path) -> None:
    """Proves: all of them, one after the other in one session, with the values that their comments promise."""
    session: dict[str, object] = {}
    for snippet in blocks(ROOT / "README.md", "python"):
        exec(compile(snippet, "README.md", "exec"), session)
    assert (project / "results" / "smallest" / "summary.json").is_file()


def test_the_smallest_scenario_of_the_readme_earns_626() -> None:
    (text,) = blocks(ROOT / "README.md", "yaml")
    assert text in (ROOT / "scenarios" / "smallest.yaml").read_text(encoding="utf-8")
    assert opt.optimize(opt.scenario_from_dict(parse_scenario(text).data)).expected_profit == pytest.approx(626)


@pytest.mark.parametrize(("command", "printed"), [entry for entry in commands() if entry[0].startswith("optimizer ")])
def test_commands_of_the_readme_print_what_stands_there(command: str, printed: str, project: Path) -> None:
    result = CliRunner().invoke(app, command.split()[1:])
    assert result.exit_code == 0, result.output
    assert figures(printed)
    assert figures(printed) == figures(result.stdout)


def test_make_run_prints_what_stands_in_the_readme(project: Path) -> None:
    """Proves: the same lines, and figures that agree within twice the gap to which the scenario is solved."""
    (printed,) = [output for command, output in commands() if command == "make run"]
    assert "\trun $(SCENARIO)" in (ROOT / "Makefile").read_text(encoding="utf-8").replace("$(BIN)/optimizer ", "")
    result = CliRunner().invoke(app, ["run", "scenarios/campus_week.yaml", "--out", "results/campus_week"])
    assert result.exit_code == 0, result.output
    told, found = figures(printed), figures(result.stdout)
    assert list(told) == list(found)
    profits = [float(table["expected profit"].removesuffix(" USD").replace(",", "")) for table in (told, found)]
    assert profits[0] == pytest.approx(profits[1], rel=2e-3)


def test_exit_codes_of_the_readme_are_those_of_the_errors() -> None:
    table = dict(re.findall(r"^\| (\d+) \| (.*?) \|$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    documented = {int(code) for code in table}
    classes = [getattr(opt, name) for name in opt.__all__ if name.endswith("Error")]
    assert {error.exit_code for error in classes} | {0, 4} <= documented


# ---------------------------------------------------------------------- CONTRIBUTING
def worked_files() -> dict[str, str]:
    """The files that CONTRIBUTING.md works through."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return dict(re.findall(r"<!-- file: (\S+) -->\n```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE))


AS_A_FILE_OF_THE_PROJECT = """
import optimizer.contracts

optimizer.contracts.__path__.append({folder!r})
"""
ENTRY_POINT = "[optimizer.kinds]\nheat_buyer = heat_buyer\n"


@pytest.mark.parametrize("way", ["file of the project", "package of its own"])
def test_the_worked_kind_needs_nothing_but_its_file(way: str, tmp_path: Path) -> None:
    """Proves: kind and tests, as printed in CONTRIBUTING.md, work once discovery finds the file, in either way."""
    files = worked_files()
    assert set(files) == {"heat_buyer.py", "test_heat_buyer.py"}
    kinds, tests = tmp_path / "kinds", tmp_path / "tests"
    kinds.mkdir()
    tests.mkdir()
    (kinds / "heat_buyer.py").write_text(files["heat_buyer.py"], encoding="utf-8")
    (tests / "test_heat_buyer.py").write_text(files["test_heat_buyer.py"], encoding="utf-8")
    (tests / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    path = [str(ROOT / "tests")]
    if way == "file of the project":
        (tests / "conftest.py").write_text(AS_A_FILE_OF_THE_PROJECT.format(folder=str(kinds)), encoding="utf-8")
    else:
        metadata = kinds / "heat_buyer-0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: heat-buyer\nVersion: 0\n", encoding="utf-8")
        (metadata / "entry_points.txt").write_text(ENTRY_POINT, encoding="utf-8")
        path.append(str(kinds))
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "pytest.ini", "."],
        cwd=tests,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{files['test_heat_buyer.py'].count('def test_')} passed" in run.stdout


# ---------------------------------------------------------------------- docs
def test_every_kind_has_a_page(generator: ModuleType) -> None:
    kinds = {generator.kind_name(kind) for of_section in generator.own_kinds().values() for kind in of_section}
    assert {page.stem for page in KIND_PAGES} == kinds
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert [kind for kind in sorted(kinds) if f"(kinds/{kind}.md)" not in index] == []


def test_generated_parts_are_up_to_date(generator: ModuleType) -> None:
    stale = [path.name for path, text in generator.pages().items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run `make docs`"


@pytest.mark.parametrize("page", named(KIND_PAGES))
def test_the_example_of_a_kind_runs(page: Path) -> None:
    """Proves: the example is accepted without a warning and solved, and holds the kind that the page is about."""
    (text,) = blocks(page, "yaml")
    assert f"kind: {page.stem}" in text
    scenario = opt.scenario_from_dict(parse_scenario(text, page).data)
    assert scenario.warnings == ()
    assert opt.optimize(scenario).status == "optimal"


def test_yaml_of_the_scenario_format_runs() -> None:
    for text in blocks(ROOT / "docs" / "scenario-format.md", "yaml"):
        assert opt.optimize(opt.scenario_from_dict(parse_scenario(text).data)).status == "optimal"


EXECUTED = ("from-a-spreadsheet", "from-pypsa", "own-constraints")
"""Pages whose snippets run, one after the other in one session."""


@pytest.mark.parametrize("name", EXECUTED)
def test_python_snippets_of_a_page_run(name: str, project: Path) -> None:
    """Proves: with the values that they assert."""
    snippets = blocks(ROOT / "docs" / f"{name}.md", "python")
    assert any("assert" in snippet for snippet in snippets)
    if "import pypsa" in "".join(snippets):
        pytest.importorskip("pypsa", reason="the page is about a library of the extra `peers`")
    session: dict[str, object] = {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="pypsa")
        for snippet in snippets:
            exec(compile(snippet, f"{name}.md", "exec"), session)


def test_commands_of_the_tutorial_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves: one after the other, as a planner would; one is refused, and says so as printed."""
    told = {}
    for block in blocks(ROOT / "docs" / "tutorial.md", "console"):
        for entry in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = entry.partition("\n")
            result = CliRunner().invoke(app, command.split()[1:])
            refused = "error: the input was refused" in printed
            assert isinstance(result.exception, opt.InputError) == refused, result.output
            assert refused or result.exit_code == 0, result.output
            told[command.split()[1]] = str(result.exception) if refused else result.stdout
    assert "83.83" in told["explain"]
    assert "12288" in told["run"]


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as they are made on code hosts."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", named(PAGES))
def test_links_resolve(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert broken == []


def test_tests_that_the_documentation_names_exist() -> None:
    text = (ROOT / "docs" / "published-figures.md").read_text(encoding="utf-8")
    named_tests = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", text)
    assert named_tests
    assert [(f, t) for f, t in named_tests if f"def {t}(" not in (ROOT / f).read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("page", named([*PAGES, *NOTEBOOKS]))
def test_no_machine_is_named(page: Path) -> None:
    """Proves: no absolute path of a machine, no local address."""
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"(?:/home/|/work/|/root/|/tmp/|/Users/|[A-Z]:\\\\|localhost|127\.0\.0\.1)\S*", text) == []


@pytest.mark.parametrize("notebook", named(NOTEBOOKS))
def test_notebooks_are_stored_without_outputs(notebook: Path) -> None:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code
    assert [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
