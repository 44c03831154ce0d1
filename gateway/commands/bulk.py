"""`c360 identity decide FILE`: many verdicts of a steward from a file of CSV or JSON lines."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from gateway.commands.identity_group import Actor, AsJson, Config, Reason, app, record, with_engine
from gateway.commands.stewardship import decider

MAX_BYTES = 32 * 2**20
MAX_LINES = 100_000
_COLUMNS = ("a", "b", "verdict")
_VERDICTS = {"same": True, "different": False}


class Line(NamedTuple):
    """A verdict, and the line of the file that it stands in."""

    number: int
    a: tuple[str, str]
    b: tuple[str, str]
    same: bool


@app.command()
def decide(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="CSV or JSON lines: a, b, verdict; - reads standard input."),
    ],
    config: Config,
    reason: Reason,
    actor: Actor = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Decides many pairs of records: SAME as confirm does, DIFFERENT as reject does, each an event of its own."""
    lines = read(file)

    async def work(engine: Any) -> list[dict[str, Any]]:
        if dry_run:
            return await _foreseen(engine, lines)
        return await _decided(engine, lines, decider(actor), reason)

    results = asyncio.run(with_engine(config, work))
    if as_json:
        print(json.dumps(results, indent=2))
    else:
        for result in results:
            print(_in_words(result))
    counted = Counter(result["outcome"] for result in results)
    print(", ".join(f"{n} {outcome}" for outcome, n in counted.items()), file=sys.stderr)
    if counted["failed"]:
        raise typer.Exit(1)


def read(file: Path) -> list[Line]:
    """All verdicts of the file. Raises StartError, which names the line, where one is not right: nothing is done then."""
    from gateway.serving import StartError
    from resolvers.stewardship import contradictions

    name = "standard input" if str(file) == "-" else str(file)
    text = _text(file, name)
    lines: list[Line] = []
    for number, cells in _json_lines(text, name) if text.lstrip().startswith("{") else _csv(text, name):
        try:
            lines.append(_line(number, cells))
        except (ValueError, StartError) as error:
            raise StartError(f"{name}, line {number}: {error}") from None
        if len(lines) > MAX_LINES:
            raise StartError(f"{name} has more than {MAX_LINES} decisions: split it")
    if not lines:
        raise StartError(f"{name} holds no decisions: write a,b,verdict, such as crm:1,webshop:2,same")
    at_odds = contradictions([(line.a, line.b, line.same) for line in lines])
    for n, m in at_odds.items():
        one, other = lines[n].number, lines[m].number
        raise StartError(
            f"{name}: lines {one} and {other} say different things of one pair: keep one of them"
        )
    return lines


def _text(file: Path, name: str) -> str:
    from gateway.serving import StartError

    try:
        if str(file) == "-":
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with file.open("rb") as opened:
                content = opened.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise StartError(f"{name} is larger than {MAX_BYTES // 2**20} MB: split it")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise StartError(f"{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise StartError(f"{name} is not UTF-8 text") from None


def _csv(text: str, name: str) -> Iterator[tuple[int, Sequence[Any]]]:
    """Rows of a, b, verdict; columns by their names where the first row has them, else the first three."""
    from gateway.serving import StartError

    first = text.lstrip().partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    places: Sequence[int] | None = None
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            lowered = [cell.lower() for cell in cells]
            if places is None and set(_COLUMNS) <= set(lowered):
                places = [lowered.index(column) for column in _COLUMNS]
                continue
            places = places or range(len(_COLUMNS))
            yield reader.line_num, [cells[p] for p in places if p < len(cells)]
    except csv.Error as error:
        raise StartError(f"{name}, line {reader.line_num}: {error}") from None


def _json_lines(text: str, name: str) -> Iterator[tuple[int, Sequence[Any]]]:
    from gateway.serving import StartError

    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            raise StartError(f"{name}, line {number}: not a line of JSON") from None
        if not isinstance(found, dict):
            raise StartError(f'{name}, line {number}: expected {{"a": …, "b": …, "verdict": …}}')
        yield number, [found[column] for column in _COLUMNS if column in found]


def _line(number: int, cells: Sequence[Any]) -> Line:
    """Raises ValueError or StartError."""
    if len(cells) != len(_COLUMNS):
        raise ValueError("expected a, b and verdict, such as crm:1,webshop:2,same")
    a, b, verdict = cells
    same = _VERDICTS.get(verdict.lower()) if isinstance(verdict, str) else None
    if same is None:
        raise ValueError("verdict is same or different")
    return Line(number, _record(a), _record(b), same)


def _record(value: Any) -> tuple[str, str]:
    """A record as text, or as the list of two that `c360 identity review --json` prints."""
    if isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value):
        return value[0], value[1]
    if not isinstance(value, str):
        raise ValueError("a record is written SOURCE:RECORD, such as webshop:1001")
    return record(value)


async def _decided(engine: Any, lines: Sequence[Line], actor: str, reason: str) -> list[dict[str, Any]]:
    from resolvers.stewardship import MAX_DECISIONS, Judgement, Stewardship

    steward = Stewardship(engine.identity, actor)
    results = []
    for start in range(0, len(lines), MAX_DECISIONS):
        some = lines[start : start + MAX_DECISIONS]
        judged = [Judgement(a=line.a, b=line.b, same=line.same) for line in some]
        outcomes = await steward.decide(judged, reason)
        results += [_result(line, outcome) for line, outcome in zip(some, outcomes, strict=True)]
    return results


def _result(line: Line, outcome: Any) -> dict[str, Any]:
    done = outcome.decided
    if done is None:
        return _told(line, "failed", error=outcome.error.message)
    event = None if done.event is None else done.event.id
    return _told(line, "decided" if event else "unchanged", customers=list(done.customers), event=event)


async def _foreseen(engine: Any, lines: Sequence[Line]) -> list[dict[str, Any]]:
    owners = await engine.identity.store.by_records({ref for line in lines for ref in (line.a, line.b)})
    return [_foresight(line, owners.get(line.a), owners.get(line.b)) for line in lines]


def _foresight(line: Line, a: str | None, b: str | None) -> dict[str, Any]:
    if line.a == line.b:
        return _told(line, "failed", error="b is the same record as a")
    if a is None or b is None:
        which = "a" if a is None else "b"
        text = f"{which} is no record that the identity map knows: look its customer up first"
        return _told(line, "failed", error=text)
    outcome = {
        (True, True): "one customer already",
        (True, False): "to be joined",
        (False, True): "to be taken apart",
        (False, False): "to be kept apart",
    }[line.same, a == b]
    return _told(line, outcome, customers=sorted({a, b}))


def _told(line: Line, outcome: str, **more: Any) -> dict[str, Any]:
    result: dict[str, Any] = {
        "line": line.number, "a": list(line.a), "b": list(line.b),
        "verdict": "same" if line.same else "different", "outcome": outcome,
        "customers": [], "event": None, "error": None,
    }  # fmt: skip
    return {**result, **more}


def _in_words(result: dict[str, Any]) -> str:
    from gateway.commands.words import named

    pair = f"line {result['line']}: {named(result['a'])} and {named(result['b'])}, {result['verdict']}"
    if result["error"]:
        return f"{pair}: failed: {result['error']}"
    event = f", event {result['event']}" if result["event"] else ""
    return f"{pair}: {result['outcome']}{event} ({', '.join(result['customers'])})"
