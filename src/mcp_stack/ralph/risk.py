"""How much a person would want to look at a change before it goes on. Pure functions.

A change is the riskier, the further it acts beyond its own lines: what is lost, what brings in other people's code,
and what runs by itself, with more rights than the agent had, on the machine of whoever takes the branch over. Names
decide, not contents: a rule that reads code can be talked round by code.

Pushes need no rule. A task's repository has no remote, and its agent sees no credentials.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, TypeAlias, get_args

from .changes import LINK, PROGRAM, SUBMODULE, Change

Level: TypeAlias = Literal["low", "medium", "high"]
LEVELS: tuple[Level, ...] = get_args(Level)
# More files than a person takes in at a glance.
MANY = 10
NAMED = 3
MAX_SHOWN = 120

# Patterns are matched against the name if they hold no slash, else against the path and the end of each path; all in
# small letters.
HOOKS = (
    *(".githooks/*", ".husky/*", ".hooks/*", "githooks/*", "git-hooks/*", ".pre-commit-config.y*ml"),
    *(".pre-commit-hooks.y*ml", "lefthook*.y*ml", ".lefthook*", ".lefthook/*", ".overcommit.yml", ".git-hooks/*"),
    *(".huskyrc*", ".lintstagedrc*", "lint-staged.config.*", ".gitconfig"),
)
# Editors, shells and agents run what these say when somebody opens the folder.
RUN_ON_OPENING = (
    *(".envrc", ".vscode/*", ".idea/*", ".devcontainer/*", ".devcontainer.json", "*.code-workspace", ".fleet/*"),
    *(".mcp.json", "mcp.json", ".claude/*", ".cursor/*", ".aider.conf.yml", ".continue/*", ".goosehints"),
    *("sitecustomize.py", "usercustomize.py", "*.pth", ".bashrc", ".profile", ".zshrc", ".vimrc", ".nvimrc", ".exrc"),
)
CI = (
    *(".github/workflows/*", ".github/actions/*", ".gitea/*", ".forgejo/*", ".gitlab-ci*.y*ml", ".gitlab/ci/*"),
    *("jenkinsfile*", ".circleci/*", ".travis.yml", "azure-pipelines*.y*ml", ".azure-pipelines/*", ".buildkite/*"),
    *(".drone.y*ml", ".woodpecker*", ".woodpecker/*", "bitbucket-pipelines.yml", "appveyor.yml", ".appveyor.yml"),
    *("cloudbuild*.y*ml", "buildspec*.y*ml", ".cirrus.*", ".teamcity/*", ".semaphore/*", ".builds/*", ".build.yml"),
    *("codefresh.yml", "wercker.yml", ".tekton/*", ".argo/*", "bamboo-specs/*", ".github/dependabot.y*ml"),
    *("renovate.json*", ".renovaterc*", "codeowners"),
)
_DATA = ("json", "y*ml", "toml", "ini", "conf", "cfg", "txt", "csv", "xml", "properties")
SECRETS = (
    *(".env", ".env.*", "*.env", ".netrc", "_netrc", ".npmrc", ".yarnrc*", ".pypirc", "pip.conf", "pip.ini"),
    *(".git-credentials", ".htpasswd", ".pgpass", ".my.cnf", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore"),
    *("*.kdbx", "*.ppk", "*.asc", "*.gpg", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "authorized_keys"),
    *(".ssh/*", ".aws/*", ".azure/*", ".gnupg/*", ".kube/*", ".docker/config.json", "kubeconfig*"),
    *("credentials", "secrets/*"),
    *(f"*{word}*.{ending}" for word in ("secret", "credential") for ending in _DATA),
    *("service-account*.json", "*.tfvars", "*.tfstate", "*.tfstate.*", "vault.y*ml"),
)
GIT = (".gitattributes", ".lfsconfig")
# Files like these are there to be copied, and hold no secret.
EXAMPLES = ("*.example", "*.sample", "*.template", "*.dist", "*.example.*", "*.sample.*", "*.template.*")
DEPENDENCIES = (
    *("requirements*.txt", "requirements*.in", "requirements/*.txt", "requirements/*.in", "constraints*.txt"),
    *("pyproject.toml", "setup.cfg", "setup.py", "pipfile", "pipfile.lock", "poetry.lock", "pdm.lock", "uv.lock"),
    *("pylock*.toml", "pixi.toml", "pixi.lock", "environment*.y*ml", "conda-lock.yml", "package.json"),
    *("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "pnpm-workspace.yaml", "bun.lock*"),
    *(
        "deno.json*",
        "deno.lock",
        "bower.json",
        "cargo.toml",
        "cargo.lock",
        "go.mod",
        "go.sum",
        "go.work",
        "go.work.sum",
    ),
    *("gemfile", "gemfile.lock", "*.gemspec", "composer.json", "composer.lock", "pom.xml", "build.gradle*"),
    *("settings.gradle*", "gradle.lockfile", "libs.versions.toml", "build.sbt", "*.csproj", "*.fsproj", "*.vbproj"),
    *("packages.config", "packages.lock.json", "directory.packages.props", "nuget.config", "mix.exs", "mix.lock"),
    *("pubspec.yaml", "pubspec.lock", "podfile", "podfile.lock", "cartfile*", "package.swift", "package.resolved"),
    *(
        "conanfile.*",
        "vcpkg.json",
        "flake.nix",
        "flake.lock",
        "stack.yaml*",
        "*.cabal",
        "cabal.project*",
        "rebar.config",
    ),
    *("rebar.lock", "project.clj", "deps.edn", "elm.json", "project.toml", "manifest.toml", "cpanfile*", "*.opam"),
    *("vendor/*", "node_modules/*", "third_party/*"),
)
BUILD = (
    *("dockerfile*", "*.dockerfile", "containerfile*", ".dockerignore", "docker-compose*.y*ml", "compose*.y*ml"),
    *("makefile", "gnumakefile", "*.mk", "cmakelists.txt", "*.cmake", "meson.build", "build.ninja", "justfile"),
    *("taskfile.y*ml", "rakefile", "build.rs", "build.zig", "build", "build.bazel", "workspace", "workspace.bazel"),
    *("module.bazel", "*.bzl", "tox.ini", "noxfile.py", "dodo.py", "tasks.py", "fabfile.py", "gulpfile.*"),
    *("gruntfile.*", "webpack.config.*", "vite.config.*", "rollup.config.*", "esbuild.*", "babel.config.*"),
    *("gradlew*", "mvnw*", "configure", "configure.ac", "*.tf", "*.nix", "*.service", "*.spec", "vagrantfile"),
    *("procfile", "fly.toml", "vercel.json", "netlify.toml", "serverless.y*ml", "skaffold.y*ml", "chart.yaml"),
    *("deploy/*", "deployment/*", "k8s/*", "kubernetes/*", "helm/*", "charts/*", "terraform/*", "ansible/*"),
    *("deploy*.sh", "deploy*.py", "install*.sh", "release*.sh", "build*.sh", "publish*.sh", "scripts/*", "bin/*"),
)

TESTS = (
    *("test_*", "*_test.*", "*_tests.*", "*-test.*", "*.test.*", "*.tests.*", "*_spec.*", "*-spec.*", "*.spec.*"),
    *("test.*", "tests.*", "*.snap", "*.feature", "*.bats"),
    *("test/*", "tests/*", "__tests__/*", "__snapshots__/*", "spec/*", "specs/*", "testing/*", "testdata/*"),
    *("e2e/*", "cypress/*", "fixtures/*", "test-data/*", "test_data/*"),
)
# In the case that their languages prescribe: Latest.java is no test.
_CASED_TESTS = ("*Test.*", "*Tests.*", "*TestCase.*", "*Spec.*", "*IT.java", "Test*.java", "Test*.kt", "Test*.cs")
# What says which tests are run and how, whoever runs them.
STEERING = (
    *("conftest.py", "pytest.ini", ".pytest.ini", "tox.ini", "noxfile.py", "sitecustomize.py", "usercustomize.py"),
    *("*.pth", ".coveragerc", "jest.config.*", "jest.setup.*", "vitest.config.*", "vitest.workspace.*", ".mocharc*"),
    *("karma.conf.*", "ava.config.*", "playwright.config.*", "cypress.config.*", "cypress.json", ".nycrc*"),
    *("phpunit*.xml*", "behat.yml*", ".rspec", "testng*.xml", "nextest.toml", "ctest*.cmake", "runtests.*"),
)
# What steers the tests of the one who runs this program.
_STEERED_BY: dict[str, tuple[str, ...]] = {
    "pytest": ("pyproject.toml", "setup.cfg"),
    "py.test": ("pyproject.toml", "setup.cfg"),
    "python": ("pyproject.toml", "setup.cfg", "setup.py"),
    "tox": ("pyproject.toml", "setup.cfg"),
    "nox": ("pyproject.toml",),
    "hatch": ("pyproject.toml", "hatch.toml"),
    "poetry": ("pyproject.toml", "setup.cfg"),
    "uv": ("pyproject.toml", "setup.cfg"),
    **dict.fromkeys(
        ("npm", "npx", "yarn", "pnpm", "bun", "node", "jest", "vitest", "mocha"),
        ("package.json", ".babelrc*", "babel.config.*", "tsconfig*.json"),
    ),
    "deno": ("deno.json*",),
    **dict.fromkeys(("make", "gmake"), ("makefile", "gnumakefile", "*.mk")),
    "just": ("justfile", ".justfile"),
    "task": ("taskfile.y*ml",),
    "cmake": ("cmakelists.txt", "*.cmake"),
    "ctest": ("cmakelists.txt", "*.cmake"),
    "cargo": ("cargo.toml", "build.rs", ".cargo/*"),
    "go": ("go.mod", "go.work"),
    **dict.fromkeys(("mvn", "mvnw"), ("pom.xml", ".mvn/*", "mvnw*")),
    **dict.fromkeys(("gradle", "gradlew"), ("build.gradle*", "settings.gradle*", "gradle.properties", "gradlew*")),
    "dotnet": ("*.csproj", "*.fsproj", "*.sln", "directory.build.props", "*.runsettings"),
    "composer": ("composer.json",),
    **dict.fromkeys(("rake", "bundle", "rspec"), ("rakefile", "gemfile*", "spec_helper.rb")),
    "mix": ("mix.exs",),
    "sbt": ("build.sbt", "project/*"),
    "swift": ("package.swift",),
}


@dataclass(frozen=True, slots=True)
class Risk:
    """An assessment.

    Attributes:
        level: The highest of its reasons' levels.
        reasons: Why, the gravest first; empty if the level is low.
    """

    level: Level
    reasons: tuple[str, ...] = ()


def at_least(level: Level, threshold: Level) -> bool:
    """Whether a level reaches a threshold."""
    return LEVELS.index(level) >= LEVELS.index(threshold)


def assess(changes: Sequence[Change]) -> Risk:
    """How risky a change is.

    High is what cannot be seen in the diff (links out of the tree, submodules), what runs with the rights of others
    (hooks, CI, what opening the folder starts), what may hold or leak secrets, and the loss of a whole folder or of
    many files. Medium is what brings in other people's code or is run to build and deploy, new programs, and the loss
    of a file. A file that was only moved is not lost.

    Args:
        changes: Of one iteration, or of all.
    """
    found = [
        (level, f"{what}: {_names(paths)}") for level, what, rule in _RULES if (paths := list(filter(rule, changes)))
    ]
    found += _losses(changes)
    found.sort(key=lambda reason: -LEVELS.index(reason[0]))
    return Risk(found[0][0] if found else "low", tuple(reason for _, reason in found))


def touched_tests(changed: Sequence[str], commands: Sequence[str], new: Collection[str] = ()) -> tuple[str, ...]:
    """Which changed files decide whether a task's verification passes: tests, what they rest on, and what runs them.

    Args:
        changed: Paths that were added, changed or deleted.
        commands: The verify commands; without any there is nothing to touch.
        new: Those of the paths that were not there before. A new test is no edit of a test; a new file that says how
            tests are run is one all the same.

    Returns:
        Some of `changed`, in their order.
    """
    if not commands:
        return ()
    words = [word for command in commands for word in _words(command)]
    programs = {posixpath.basename(word).casefold() for word in words}
    # python3.11 -> python
    programs |= {program.rstrip("0123456789.") for program in programs}
    steering = STEERING + tuple(
        pattern for program, patterns in _STEERED_BY.items() if program in programs for pattern in patterns
    )
    named = {posixpath.normpath(word.partition("::")[0]) for word in words} - {".", *_STEERED_BY}
    return tuple(
        path
        for path in changed
        if _matches(path, steering)
        or _matches(path, CI)
        or (path not in new and (is_test(path) or any(_lies_in(path, name) for name in named)))
    )


def is_test(path: str) -> bool:
    """Whether a file is a test, or data of tests, by the conventions of the usual languages."""
    return _matches(path, TESTS) or any(fnmatchcase(posixpath.basename(path), pattern) for pattern in _CASED_TESTS)


def _leaves(change: Change) -> bool:
    if change.new_mode != LINK:
        return False
    if change.target is None or change.target.startswith("/"):
        return True
    # Without looking at what is there: a link on its way may be changed later.
    led = posixpath.normpath(posixpath.join(posixpath.dirname(change.path), change.target))
    return led == ".." or led.startswith("../") or ".git" in led.casefold().split("/")


def _is_submodule(change: Change) -> bool:
    return SUBMODULE in (change.old_mode, change.new_mode) or _matches(change.path, (".gitmodules",))


def _named(patterns: Sequence[str]) -> Callable[[Change], bool]:
    return lambda change: _matches(change.path, patterns)


def _is_secret(change: Change) -> bool:
    return _matches(change.path, SECRETS) and not _matches(change.path, EXAMPLES)


def _becomes_a_program(change: Change) -> bool:
    return change.new_mode == PROGRAM != change.old_mode


_RULES: tuple[tuple[Level, str, Callable[[Change], bool]], ...] = (
    ("high", "links that lead out of the repository", _leaves),
    ("high", "submodules, whose files are not in the diff", _is_submodule),
    ("high", "git hooks or what installs them", _named(HOOKS)),
    ("high", "CI configuration", _named(CI)),
    ("high", "files that may hold secrets or say where they go", _is_secret),
    ("high", "files that run when the folder is opened", _named(RUN_ON_OPENING)),
    ("medium", "dependencies", _named(DEPENDENCIES)),
    ("medium", "build and deployment", _named(BUILD)),
    ("medium", "what git makes of the files", _named(GIT)),
    ("medium", "files that become programs", _becomes_a_program),
)


def _losses(changes: Sequence[Change]) -> list[tuple[Level, str]]:
    lost = [change for change in changes if change.kind == "deleted" and not change.moved]
    folders = {change.lost_folder for change in lost} - {""}
    # One file makes a folder in git, but losing it is losing a file.
    whole = [folder for folder in sorted(folders) if sum(change.lost_folder == folder for change in lost) > 1]
    if whole:
        return [("high", f"whole folders deleted: {_list(whole)}")]
    if lost:
        return [("high" if len(lost) > MANY else "medium", f"files deleted: {_names(lost)}")]
    return []


def _names(changes: Sequence[Change]) -> str:
    return _list([change.path for change in changes])


def _list(paths: Sequence[str]) -> str:
    shown = ", ".join(map(_shown, paths[:NAMED]))
    return shown + (f" and {len(paths) - NAMED} more" if len(paths) > NAMED else "")


def _shown(path: str) -> str:
    """A path as one printable line: an agent chose it."""
    text = "".join(letter if letter.isprintable() else "?" for letter in path)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 3]}..."


def _matches(path: str, patterns: Sequence[str]) -> bool:
    small = path.casefold()
    name = posixpath.basename(small)
    return any(
        fnmatchcase(small, pattern) or fnmatchcase(small, f"*/{pattern}")
        if "/" in pattern
        else fnmatchcase(name, pattern)
        for pattern in patterns
    )


def _words(command: str) -> list[str]:
    """The words of a command, those of a script in it too: `sh -c 'cd a && pytest'`."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    return [part.strip(";&|()\"'") for word in words for part in [word, *word.split()]]


def _lies_in(path: str, name: str) -> bool:
    return path == name or path.startswith(f"{name}/")
