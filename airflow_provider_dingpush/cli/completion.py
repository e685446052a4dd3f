"""``dingpush completion``: a script for bash, zsh or fish, made of the tables that the parsers are made of."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence

from airflow_provider_dingpush.cli.options import COMMANDS, command_parsers, parser_of
from airflow_provider_dingpush.cli.parsing import Argument, UsageError
from airflow_provider_dingpush.cli.screen import Screen, Texts

_FILES = frozenset({"FILE", "SOURCE"})
"""The metavars of values that are paths."""

_TEXTS: Texts = {
    "no_shell": ("name your shell: {shells}", "请指定 shell：{shells}"),
}


def run(parsed: argparse.Namespace) -> int:
    """Print the script.

    :raises UsageError: if no shell is named.
    """
    if parsed.shell is None:
        raise UsageError(Screen(parsed.language, _TEXTS).text("no_shell", shells=", ".join(_SCRIPTS)))
    print(_SCRIPTS[parsed.shell](parsed.language))
    return 0


def _bash(language: str) -> str:
    """Words only, which bash shows without their help."""
    arguments = _arguments(language)
    options = "\n".join(
        f'        "{command}") options="{" ".join(_names(each))}" ;;' for command, each in arguments.items()
    )
    values = "\n".join(
        f'        {_patterns(command, argument)}) words="{" ".join(argument.choices)}"; options= ;;'
        for command, each in arguments.items()
        for argument in each
        if argument.is_option and argument.choices
    )
    positional = "\n".join(
        f'        "{command}") words="{" ".join(argument.choices)}" ;;'
        for command, each in arguments.items()
        for argument in each
        if not argument.is_option and argument.choices
    )
    files = "|".join(_patterns(*each) for each in _with_value(arguments) if each[1].metavar in _FILES)
    others = "|".join(
        _patterns(*each) for each in _with_value(arguments) if each[1].metavar not in _FILES and not each[1].choices
    )
    return f"""\
# bash completion of dingpush: eval "$(dingpush completion bash)"
_dingpush() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD - 1]}}"
    local command= options= words= index
    COMPREPLY=()
    if [[ $current == "=" ]]; then
        current=
    elif [[ $previous == "=" ]]; then
        previous="${{COMP_WORDS[COMP_CWORD - 2]}}"
    fi
    for ((index = 1; index < COMP_CWORD; index++)); do
        case "${{COMP_WORDS[index]}}" in
        --language) ((index++)); [[ ${{COMP_WORDS[index]}} == "=" ]] && ((index++)) ;;
        -*) ;;
        *) command="${{COMP_WORDS[index]}}"; break ;;
        esac
    done
    case "$command" in
{options}
    esac
    case "$command" in
        "") words="{" ".join(COMMANDS)}" ;;
{positional}
    esac
    case "$command $previous" in
{values}
        {files}) COMPREPLY=($(compgen -f -- "$current")); compopt -o filenames 2>/dev/null || true; return ;;
        {others}) return ;;
    esac
    [[ $current == -* && -n $options ]] && words="$options"
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -F _dingpush dingpush"""


def _zsh(language: str) -> str:
    arguments = _arguments(language)
    commands = "\n".join(
        "            " + _quoted(f"{name}:{_one_line(command.help[language == 'zh'])}")
        for name, command in COMMANDS.items()
    )
    cases = "\n".join(
        f"        {name}) _arguments {' '.join(_zsh_spec(each) for each in arguments[name])} ;;" for name in COMMANDS
    )
    return f"""\
#compdef dingpush
# zsh completion of dingpush, below compinit in ~/.zshrc: eval "$(dingpush completion zsh)"
_dingpush() {{
    local context state state_descr line
    typeset -A opt_args
    _arguments -C {" ".join(_zsh_spec(each) for each in arguments[""])} '1: :->command' '*:: :->arguments'
    case $state in
    command)
        local -a commands=(
{commands}
        )
        _describe -t commands command commands ;;
    arguments)
        case $line[1] in
{cases}
        esac ;;
    esac
}}
compdef _dingpush dingpush"""


def _zsh_spec(argument: Argument) -> str:
    """An option or argument as ``_arguments`` of zsh reads it."""
    values = f"({' '.join(argument.choices)})" if argument.choices else "_files" if argument.metavar in _FILES else ""
    if not argument.is_option:
        return _quoted(f"::{argument.metavar}:{values}")
    about = _one_line(argument.help).replace("[", "(").replace("]", ")").replace(":", r"\:")
    takes = f":{argument.metavar}:{values}" if argument.metavar else ""
    star = "*" if argument.repeatable else ""
    return " ".join(_quoted(f"{star}{name}[{about}]{takes}") for name in argument.names)


def _fish(language: str) -> str:
    arguments = _arguments(language)
    lines = ["# fish completion of dingpush: dingpush completion fish > ~/.config/fish/completions/dingpush.fish"]
    lines.append("complete -c dingpush -f")
    for name, command in COMMANDS.items():
        about = _quoted(_one_line(command.help[language == "zh"]))
        lines.append(f"complete -c dingpush -n __fish_use_subcommand -a {name} -d {about}")
    for name, each in arguments.items():
        where = _quoted(f"__fish_seen_subcommand_from {name}") if name else "__fish_use_subcommand"
        lines += [f"complete -c dingpush -n {where} {_fish_spec(argument)}" for argument in each]
    return "\n".join(lines)


def _fish_spec(argument: Argument) -> str:
    about = f"-d {_quoted(_one_line(argument.help))}"
    choices = f"-a {_quoted(' '.join(argument.choices))}" if argument.choices else ""
    if not argument.is_option:
        return f"{choices} {about}".strip()
    names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in argument.names)
    takes = "" if not argument.metavar else "-r -F" if argument.metavar in _FILES else "-x"
    return " ".join(filter(None, [names, takes, choices, about]))


def _arguments(language: str) -> Mapping[str, Sequence[Argument]]:
    """Command -> its options and arguments; the empty name for those before a command."""
    parsers = command_parsers(language)
    return {"": parser_of(language).arguments, **{name: parser.arguments for name, parser in parsers.items()}}


def _names(arguments: Iterable[Argument]) -> list[str]:
    return [name for each in arguments if each.is_option for name in each.names if name.startswith("--")]


def _with_value(arguments: Mapping[str, Sequence[Argument]]) -> list[tuple[str, Argument]]:
    return [
        (command, argument)
        for command, each in arguments.items()
        for argument in each
        if argument.is_option and argument.metavar
    ]


def _patterns(command: str, argument: Argument) -> str:
    return "|".join(f'"{command} {name}"' for name in argument.names)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str) -> str:
    """For a shell, in single quotes."""
    return "'" + text.replace("'", "'\\''") + "'"


_SCRIPTS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
