"""`c360 identity confirm`, `reject`, `decide`, `decisions`, `review` and `explain`: what they do and what they say."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import pytest_asyncio

from gateway.cli import _explained
from gateway.commands import bulk, words
from gateway.migrations import upgrade
from gateway.serving import StartError
from resolvers.identity.fan_out import FanOut
from resolvers.identity.store import IdentityStore, NewLinks
from tests.gateway.test_cli import C360, Result, config
from tests.gateway.test_steward_lists import ALSO_ANNA, ANNA, BRUNO, HANNA, LANDLINE, scored
from tests.gateway.test_stewardship import identity
from tests.resolvers.identity_log.logs import rec, seen

ROOT = Path(__file__).parents[2]


@pytest_asyncio.fixture
async def people(tmp_path: Path) -> list[str]:
    """Anna twice, Bruno and Hanna of one landline, and a stranger: five records in the map of `config(tmp_path)`."""
    store = IdentityStore(f"sqlite+aiosqlite:///{tmp_path / 'identity.sqlite'}")
    await upgrade(store.engine)
    ids = await seen(store, 1, 2, 3, 4, 5)
    await store.remember(scored(ANNA, ALSO_ANNA))
    await store.remember(scored(BRUNO, HANNA))
    for n in (3, 4):
        new = NewLinks(records=(rec(n),), tokens=((LANDLINE, rec(n)), (b"own%d" % n, rec(n))))
        await store.remember(new)
    await store.learnt({LANDLINE: FanOut.HOUSEHOLD})
    await store.aclose()
    return ids


def common(folder: Path, actor: str = "tess") -> tuple[str, ...]:
    return ("--config", config(folder), "--reason", "called them", "--actor", actor)


async def test_confirm_and_reject(people: list[str], tmp_path: Path) -> None:
    x, _, b, h, stranger = people
    confirmed = await identity("confirm", "crm:1", "crm:5", *common(tmp_path), "--json")
    assert confirmed.status == 0, confirmed.err
    assert json.loads(confirmed.out)["customers"] == [x]
    assert json.loads(confirmed.out)["event"]["kind"] == "confirm"
    rejected = await identity("reject", "crm:3", "crm:4", *common(tmp_path))
    assert "(reject) by tess; to take it back: c360 identity undo" in rejected.out
    assert {b, h} <= set(rejected.out.split())
    again = await identity("reject", "crm:4", "crm:3", *common(tmp_path))
    assert again.out.startswith("Nothing had to be changed.")
    listed = await identity("decisions", "--config", config(tmp_path), "--first", "1")
    assert "tess: reject: called them" in listed.out
    assert "crm:3 and crm:4: different (steward)" in listed.out
    cursor = listed.out.rsplit("More: --after ", 1)[1].strip()
    page = await identity("decisions", "--config", config(tmp_path), "--after", cursor, "--json")
    found = json.loads(page.out)
    assert [(d["kind"], d["actor"], d["pairs"]) for d in found["decisions"]] == [("confirm", "tess", 1)]
    assert found["next"] is None
    for arguments, said in (
        (
            ("confirm", "crm:1", "crm:77"),
            "b is no record that the identity map knows: look its customer up first",
        ),
        (
            ("confirm", "crm1", "crm:2"),
            'a record is written SOURCE:RECORD, such as webshop:1001 (got "crm1")',
        ),
        (("reject", "crm:1", ":2"), 'a record is written SOURCE:RECORD, such as webshop:1001 (got ":2")'),
    ):
        wrong = await identity(*arguments, *common(tmp_path))
        assert (wrong.status, wrong.out, wrong.err) == (1, "", f"c360: {said}\n")
    assert stranger not in page.out


async def test_explain_draws_the_waterfall_and_names_the_related(people: list[str], tmp_path: Path) -> None:
    x, _, b, h, _ = people
    file = config(tmp_path)
    anna, bruno, as_json = await asyncio.gather(
        identity("explain", x, "--config", file),
        identity("explain", b, "--config", file),
        identity("explain", b, "--config", file, "--json"),
    )
    lines = [" ".join(line.split()) for line in anna.out.splitlines()]
    [edge] = scored(ANNA, ALSO_ANNA).edges
    bars, weight = {c.field: c.weight for c in edge.contributions}, edge.weight
    assert weight is not None
    assert f"birth date exact {bars['birth_date']:+.1f} bits" in lines, anna.out
    assert f"given name variant {bars['given']:+.1f} bits" in lines
    assert f"prior: how rare a match is {bars['prior']:+.1f} bits" in lines
    assert f"sum {weight:+.1f} bits = over 99.9999 %" in lines
    assert any(line.startswith(f"crm:1 and crm:2: model v1, {weight:+.1f} bits = over") for line in lines)
    assert f"crm:1 and crm:2: same (model v1, {weight:+.1f} bits)" in lines, "in the history too"
    assert "Nothing links it to another record." in bruno.out
    assert f"Related, and not one person:\n  shares a household's phone with {h}" in bruno.out
    assert json.loads(as_json.out)["related"] == [
        {"fan_out": "household", "key_type": "phone", "customers": [h]}
    ]
    then = await identity("explain", b, "--config", file, "--as-of", "2999-01-01")
    assert "Related" not in then.out, "whom somebody was related to then, is not known"


async def test_the_review_says_why_in_words(people: list[str], tmp_path: Path) -> None:
    file = config(tmp_path)
    shown, none = await asyncio.gather(
        identity("review", "--config", file, "--source", "crm"),
        identity("review", "--config", file, "--source", "webshop"),
    )
    assert "crm:3 and crm:4: 2 records affected" in shown.out
    assert "doubt: different given names: a twin, a parent, a partner?" in shown.out
    assert "given name different" in shown.out
    assert "To decide: c360 identity confirm A B, or c360 identity reject A B." in shown.out
    assert none.out == "Nothing waits for a decision.\n"


async def fed(text: str, *arguments: str) -> Result:
    """`c360 identity …` with this on its standard input."""
    process = await asyncio.create_subprocess_exec(
        str(C360), "identity", *arguments, env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(text.encode())
    assert "Traceback" not in err.decode()
    return Result(process.returncode or 0, out.decode(), err.decode())


async def test_decide_a_file(people: list[str], tmp_path: Path) -> None:
    x, _, b, h, _ = people
    file = tmp_path / "verdicts.csv"
    file.write_text(
        "a,b,verdict\ncrm:1,crm:5,same\ncrm:3,crm:4,Different\ncrm:1,crm:2,same\ncrm:5,crm:99,same\n"
    )
    dry = await identity("decide", str(file), *common(tmp_path), "--dry-run", "--json")
    assert dry.status == 1, "one of them could not be decided"
    assert [r["outcome"] for r in json.loads(dry.out)] == [
        "to be joined", "to be kept apart", "one customer already", "failed",
    ]  # fmt: skip
    done = await identity("decide", str(file), *common(tmp_path))
    assert done.status == 1
    lines = done.out.splitlines()
    assert lines[0].startswith("line 2: crm:1 and crm:5, same: decided, event ")
    assert lines[0].endswith(f"({x})")
    assert lines[1].endswith(f"({', '.join(sorted([b, h]))})")
    assert lines[3] == (
        "line 5: crm:5 and crm:99, same: failed: "
        "b is no record that the identity map knows: look its customer up first"
    )
    assert done.err == "3 decided, 1 failed\n", "that Anna is one had only a model said before"
    records = [
        {"a": ["crm", "1"], "b": "crm:5", "verdict": "same"},
        {"a": "crm:4", "b": "crm:3", "verdict": "different"},
    ]
    again = await fed("\n".join(map(json.dumps, records)), "decide", "-", *common(tmp_path), "--json")
    assert again.status == 0, again.err
    assert [(r["line"], r["outcome"], r["event"]) for r in json.loads(again.out)] == [
        (1, "unchanged", None),
        (2, "unchanged", None),
    ]
    assert again.err == "2 unchanged\n"


async def test_a_dry_run_changes_nothing(people: list[str], tmp_path: Path) -> None:
    store = IdentityStore(f"sqlite+aiosqlite:///{tmp_path / 'identity.sqlite'}")
    before = await store.export()
    done = await fed("crm:1;crm:5;same\ncrm:1;crm:2;different", "decide", "-", *common(tmp_path), "--dry-run")
    assert done.status == 0, done.err
    assert done.err == "1 to be joined, 1 to be taken apart\n"
    assert await store.export() == before
    assert await store.chronicle.decisions(5) == ([], False)
    await store.aclose()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "verdicts cannot be read: No such file or directory"),
        (b"", "verdicts holds no decisions: write a,b,verdict, such as crm:1,webshop:2,same"),
        (b"a,b,verdict\n", "verdicts holds no decisions"),
        (b"crm:1,crm:2\n", "line 1: expected a, b and verdict"),
        (b"\ncrm:1,crm:2,maybe\n", "line 2: verdict is same or different"),
        (b"crm1,crm:2,same\n", 'line 1: a record is written SOURCE:RECORD, such as webshop:1001 (got "crm1")'),
        (b'crm:1,"crm:2,same\n', "line 1: unexpected end of data"),
        (b"J\xfcrgen,crm:2,same\n", "verdicts is not UTF-8 text"),
        (b'{"a": "crm:1"}\n', "line 1: expected a, b and verdict"),
        (b'{"a": "crm:1", "b": 7, "verdict": "same"}', "line 1: a record is written SOURCE:RECORD"),
        (b'{"a": "crm:1", "b": "crm:2", "verdict": []}', "line 1: verdict is same or different"),
        (b'{"a": "crm:1", "b": "crm:2", "verdict": "same"}\n[1]\n', "line 2: expected {"),
        (b'{"a": "crm:1", \n', "line 1: not a line of JSON"),
        (
            b"crm:1,crm:2,same\ncrm:3,crm:4,same\ncrm:2,crm:1,different\n",
            "lines 1 and 3 say different things of one pair: keep one of them",
        ),
    ],
)  # fmt: skip
def test_a_file_that_is_not_right_does_nothing(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "verdicts"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StartError) as caught:
        bulk.read(file)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert _explained(caught.value) == 1


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "verdicts"
    file.write_text("".join(f"crm:{n},crm:x,same\n" for n in range(20)))
    monkeypatch.setattr(bulk, "MAX_LINES", 19)
    with pytest.raises(StartError, match="has more than 19 decisions: split it"):
        bulk.read(file)
    monkeypatch.setattr(bulk, "MAX_BYTES", 100)
    with pytest.raises(StartError, match="is larger than 0 MB: split it"):
        bulk.read(file)


def test_columns_are_found_by_their_names(tmp_path: Path) -> None:
    file = tmp_path / "verdicts"
    file.write_bytes("\ufeffnote\tVerdict\tb\ta\nx\tsame\tcrm:2\tshop:a:1\n\n".encode())
    assert bulk.read(file) == [bulk.Line(2, ("shop", "a:1"), ("crm", "2"), True)]


@pytest.mark.parametrize(
    ("chance", "said"),
    [
        (1.0, "over 99.9999 %"), (0.9999995, "over 99.9999 %"), (0.999998, "99.9998 %"), (0.9912, "99.1200 %"),
        (0.5, "50.0 %"), (0.004, "0.4000 %"), (0.0, "under 0.0001 %"),
    ],
)  # fmt: skip
def test_no_chance_is_a_certainty(chance: float, said: str) -> None:
    assert words.percent(chance) == said
