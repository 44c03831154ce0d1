"""People to match, made up here."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from resolvers.identity.matching.person import FIELDS, Person, from_row

GIVEN = "anna hanna peter piotr maximilian max elisabeth lisa julian juliana farid odile bruno tessa quentin".split()
FAMILY = "kowalski kowalska müller mueller weber schmidt novak oduya tanaka lindqvist".split()


def person(source_id: str = "1", **fields: str) -> Person:
    return from_row(fields, ("crm", source_id), "DE")


def drawn(count: int, seed: int = 7) -> list[Person]:
    """Records of about half as many people: of each some with a slip, an absent value, or swapped names."""
    dice = random.Random(seed)
    people = []
    for number in range(count // 2):
        row = {
            "given_name": dice.choice(GIVEN),
            "family_name": dice.choice(FAMILY) + dice.choice(("", "", "mann", "ova")),
            "date_of_birth": f"{dice.randint(1940, 2005)}{dice.randint(1, 12):02d}{dice.randint(1, 28):02d}",
            "street": dice.choice(("Lindenweg", "Marktplatz", "Hauptstraße", "Gartenallee")),
            "house_number": str(dice.randint(1, 200)),
            "postcode": f"{dice.randint(10_000, 99_999)}",
            "city": dice.choice(("Köln", "Bremen", "Ulm", "Gotha")),
            "email": f"p{number}.{dice.randint(0, 999)}@mail.example",
            "phone": f"+4930{dice.randint(2_000_000, 9_999_999)}",
        }
        people.append(from_row(row, ("a", str(number)), "DE"))
        people.append(from_row(_spoiled(row, dice), ("b", str(number)), "DE"))
    return people


def _spoiled(row: dict[str, str], dice: random.Random) -> dict[str, str]:
    copy = dict(row)
    for name in dice.sample(sorted(copy), 3):
        value = copy[name]
        at = dice.randrange(len(value))
        copy[name] = dice.choice(("", value[:at] + value[at + 1 :], value[:at] + "x" + value[at + 1 :]))
    if dice.random() < 0.1:
        copy["given_name"], copy["family_name"] = copy["family_name"], copy["given_name"]
    return copy


_texts = st.one_of(
    st.text(max_size=40), st.sampled_from(["", "NULL", "1980-02-30", "a@b@c", "\u202emax", "+49 30 1234"])
)
rows = st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, _texts))
likely = st.fixed_dictionaries(
    {},
    optional={
        "given_name": st.sampled_from([*GIVEN, "محمد", "Mohammed", "健二", "Kenji", "Юрий", "A."]),
        "family_name": st.sampled_from([*FAMILY, "خوري", "Khoury", "田中"]),
        "date_of_birth": st.sampled_from(["19800203", "19800302", "1981-02-03", "19550101"]),
        "email": st.sampled_from(["a.weber@mail.example", "a.webber@mail.example", "a.weber@post.example"]),
        "phone": st.sampled_from(["030 23125100", "+49 30 23125101", "+493023125100"]),
        "national_id": st.sampled_from(["A1234567", "A1234568", "B7654321"]),
        "street": st.sampled_from(["Hauptstr. 5", "Hauptstraße 5", "Marktplatz 1"]),
        "postcode": st.sampled_from(["10115", "10151", "80331"]),
        "city": st.sampled_from(["Berlin", "München"]),
    },
)
