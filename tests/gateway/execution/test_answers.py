"""The store of kept answers against a plain model: never old, never dropped, never another's, never more than allowed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.auth import Caller
from gateway.execution.answers import MAX_RAWS, MAX_TAGS, Answers, Raw
from gateway.settings_documents import Answers as Bounds

NAMES = st.sampled_from("abcde")
TAGS = st.frozensets(st.sampled_from("tuvw"), max_size=3)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), NAMES, TAGS, st.integers(1, 9)),
        st.tuples(st.just("drop"), TAGS),
        st.tuples(st.just("wait"), st.integers(1, 5)),
        st.tuples(st.just("get"), NAMES),
        st.tuples(st.just("quick"), NAMES),
    ),
    max_size=60,
)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def raw(name: str) -> Raw:
    return (Caller(principal="p"), "application/json", "POST", name.encode())


def keep(
    answers: Answers, name: str, *, tags: frozenset[str] = frozenset(), life: float = 60, body: bytes = b"x"
) -> bool:
    recording = answers.begin()
    kept = answers.keep((name,), body, life=life, private=False, tags=tags, recording=recording)
    answers.end(recording)
    if kept is not None:
        answers.remember(kept, raw(name))
    return kept is not None


@settings(max_examples=300)
@given(STEPS)
def test_it_gives_what_a_plain_model_would(steps: list[tuple[object, ...]]) -> None:
    clock, model = Clock(), dict[str, tuple[bytes, frozenset[str], float]]()
    answers = Answers(Bounds(max_entries=100), clock)
    for number, (what, *rest) in enumerate(steps):
        if what == "keep":
            name, tags, life = rest
            body = f"{name} {number}".encode()
            assert keep(answers, name, tags=tags, life=life, body=body)  # type: ignore[arg-type]
            model[name] = (body, tags, clock.now + life)  # type: ignore[index, assignment, operator]
        elif what == "drop":
            (tags,) = rest
            answers.drop(tags)  # type: ignore[arg-type]
            model = {n: entry for n, entry in model.items() if not entry[1] & tags}  # type: ignore[operator]
        elif what == "wait":
            clock.now += rest[0]  # type: ignore[operator]
        else:
            name = rest[0]
            found = answers.get((name,)) if what == "get" else answers.quick(raw(name))  # type: ignore[arg-type]
            body, _, ends = model.get(name, (None, None, 0.0))  # type: ignore[call-overload]
            assert (found.body if found else None) == (body if clock.now < ends else None)
    for name in list(model):
        answers.get((name,))
    answers.drop(frozenset("tuvw"))
    assert answers.size >= 0
    assert len(answers) <= len(model)


def test_entries_and_bytes_are_bounded_and_the_least_used_goes_first() -> None:
    few = Answers(Bounds(max_entries=3))
    for name in "abc":
        keep(few, name)
    few.get(("a",))
    few.quick(raw("b"))
    keep(few, "d")
    assert [n for n in "abcd" if few.get((n,))] == ["a", "b", "d"]
    assert few.quick(raw("c")) is None

    small = Answers(Bounds(max_bytes=100_000))
    for n in range(1000):
        keep(small, f"n{n}", body=b"x" * 3000, tags=frozenset({f"t{n}", "all"}))
        assert small.size <= 100_000
    assert 5 < len(small) < 100_000 / 3000
    assert not keep(small, "huge", body=b"x" * 100_000)
    small.drop(frozenset({"all"}))
    assert (len(small), small.size) == (0, 0)


def test_what_is_remembered_of_requests_is_bounded_and_counted() -> None:
    answers = Answers(Bounds())
    keep(answers, "a")
    kept = answers.get(("a",))
    assert kept is not None
    before = answers.size
    for n in range(500):
        answers.remember(kept, raw(f"{n:04}"))
    assert len(kept.raws) == MAX_RAWS
    assert answers.size - before < MAX_RAWS * 210
    assert answers.quick(raw("0499")) is kept
    assert answers.quick(raw("0000")) is None
    answers.pack(kept, b"y" * 100)
    answers.drop(frozenset())
    assert not keep(answers, "b", tags=frozenset(f"t{n}" for n in range(MAX_TAGS + 1)))


def test_what_was_dropped_is_not_remembered_again() -> None:
    answers = Answers(Bounds())
    keep(answers, "a", tags=frozenset({"t"}))
    kept = answers.get(("a",))
    assert kept is not None
    answers.drop(frozenset({"t"}))
    answers.remember(kept, raw("a"))
    answers.pack(kept, b"y")
    assert answers.quick(raw("a")) is None
    assert answers.size == 0


def test_a_drop_counts_for_everything_under_way_and_only_for_that() -> None:
    answers = Answers(Bounds())
    early = answers.begin()
    answers.drop(frozenset({"t"}))
    late = answers.begin()
    tags = frozenset({"t", "u"})
    kept = [
        answers.keep((n,), b"x", life=60, private=True, tags=tags, recording=r)
        for n, r in (("early", early), ("late", late))
    ]
    assert kept[0] is None
    assert kept[1] is not None


def test_a_drop_of_everything_leaves_nothing() -> None:
    answers = Answers(Bounds())
    keep(answers, "a", tags=frozenset({"t"}))
    keep(answers, "b")
    under_way = answers.begin()
    answers.drop(None)
    assert (len(answers), answers.size) == (0, 0)
    assert answers.keep(("c",), b"x", life=60, private=True, tags=frozenset(), recording=under_way) is None
