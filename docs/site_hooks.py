"""What the documentation site has beside the pages of this folder: README, changes, the command line, lists of kinds.

Hooks of mkdocs (``hooks:`` in ``mkdocs.yml``). The pages read well in the repository too, where they link to files
outside of this folder; here such links lead to the page made from the file, or are shown as a file name.
"""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File, Files

DOCS = Path(__file__).resolve().parent
FROM_ROOT = {"README.md": "readme.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changes.md"}
"""Files of the repository that are pages of the site."""
SECTIONS = {"contracts": "Contracts", "cooling": "Cooling", "assets": "Assets", "workloads": "Workloads"}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")


@cache
def _generator() -> Any:
    """``docs/build.py`` as a module; there is a package of that name too, and mkdocs keeps its own search path."""
    spec = importlib.util.spec_from_file_location("docs_build", DOCS / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def on_config(config: Any) -> Any:
    """Fill the navigation's lists of kinds, in the order of the scenario file's sections."""
    generator = _generator()
    pages = {
        SECTIONS[section]: [{word: f"kinds/{word}.md"} for word in map(generator.kind_name, kinds)]
        for section, kinds in generator.own_kinds().items()
    }
    for entry in config["nav"]:
        if "Kinds" in entry:
            entry["Kinds"] = ["kinds/index.md", *({title: list_} for title, list_ in pages.items())]
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made here."""
    made = {target: (DOCS.parent / name).read_text(encoding="utf-8") for name, target in FROM_ROOT.items()}
    made["kinds/index.md"] = kinds_page()
    made["reference/command-line.md"] = command_line_page()
    for target, text in made.items():
        files.append(File.generated(config, target, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Links of the repository become links of the site."""
    source = page.file.src_uri
    root_page = next((name for name, target in FROM_ROOT.items() if target == source), None)
    folder = PurePosixPath("." if root_page else "docs") / ("" if root_page else PurePosixPath(source).parent)

    def link(found: re.Match[str]) -> str:
        mark, text, target = found.groups()
        if re.match(r"[a-z]+:|#", target):
            return found[0]
        path, _, anchor = target.partition("#")
        whole = _normal(folder / path)
        known = FROM_ROOT.get(whole, whole.removeprefix("docs/") if whole.startswith("docs/") else None)
        if known is None or files.get_file_from_path(known) is None:
            return found[0] if mark else f"{text} (`{whole}`)" if text.strip("`") != whole else f"`{whole}`"
        up = "../" * source.count("/")
        return f"{mark}[{text}]({up}{known}{'#' + anchor if anchor else ''})"

    parts = re.split(r"(^```.*?^```$)", markdown, flags=re.MULTILINE | re.DOTALL)  # code stays as it is
    return "".join(part if part.startswith("```") else LINK.sub(link, part) for part in parts)


def _normal(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def kinds_page() -> str:
    """All kinds with the first sentence of what they are."""
    generator = _generator()
    lines = ["# Kinds of components", ""]
    lines += ["What may stand in a scenario, by the section of a site in which it stands.", ""]
    for section, kinds in generator.own_kinds().items():
        lines += [f"## {SECTIONS[section]}", "", "| kind | is |", "| --- | --- |"]
        for kind in kinds:
            first = " ".join(generator.prose(kind.__doc__ or "").split("\n\n")[0].split()).replace("|", "\\|")
            word = generator.kind_name(kind)
            lines.append(f"| [`{word}`]({word}.md) | {first} |")
        lines.append("")
    return "\n".join(lines)


def command_line_page() -> str:
    """Every command with its arguments and options, from the command line itself."""
    import typer.main

    from optimizer.cli import app

    root: Any = typer.main.get_command(app)
    lines = ["# Command line", "", root.help or "", "", "Exit codes stand in the [README](../readme.md).", ""]
    lines += ["## Options before the command", "", *_parameters(root)]
    for name, command in root.commands.items():
        lines += ["", f"## `optimizer {name}`", "", " ".join((command.help or "").split("\n")), ""]
        lines += _parameters(command)
    return "\n".join(lines)


def _parameters(command: Any) -> list[str]:
    rows = []
    for parameter in command.params:
        if parameter.name in ("help", "install_completion", "show_completion"):
            continue
        names = ", ".join(f"`{option}`" for option in parameter.opts) if parameter.opts else ""
        if parameter.param_type_name == "argument":
            names = f"`{(parameter.name or '').upper()}`"
        text = " ".join((getattr(parameter, "help", None) or "").split()).replace("|", "\\|")
        rows.append(f"| {names} | {text} |")
    return ["| argument | meaning |", "| --- | --- |", *rows] if rows else ["No arguments."]
