"""Small tables on which matching may go wrong, with the truth: `python -m bench.identity.hard_tables FOLDER [SEED]`.

Made here, apart from the sandbox: other names, other slips, other gaps. Whole families, twins, a father and a son of one
name, colleagues with one address, people without any second record. `c360 identity eval FOLDER/NAME.csv --truth truth`
says how well it goes; what counts is that nobody is joined to anybody else.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random

Row = dict[str, str]

_US_GIVEN = """james mary robert patricia john jennifer michael linda david elizabeth william barbara richard susan joseph
jessica thomas karen charles sarah christopher lisa daniel nancy matthew betty anthony sandra mark margaret donald ashley
steven kimberly andrew emily paul donna joshua michelle kenneth carol kevin amanda brian melissa george deborah tyrone
latisha darnell keisha marquis shanice dwayne ebony wyatt savannah colton brooklyn hunter""".split()
_US_FAMILY = """smith johnson williams brown jones garcia miller davis rodriguez martinez hernandez lopez gonzalez wilson
anderson thomas taylor moore jackson martin lee perez thompson white harris sanchez clark ramirez lewis robinson walker
young allen king wright scott torres nguyen hill flores green adams nelson baker hall rivera campbell mitchell carter
roberts washington booker stackhouse vanderbilt kowalczyk o'connor mcallister delacroix""".split()
_CHINESE_FAMILY = (
    "wang li zhang liu chen yang huang zhao wu zhou xu sun ma zhu hu guo he lin gao luo zheng liang".split()
)
_CHINESE_GIVEN = """wei fang na min jing li qiang lei jun yang yong yan jie juan tao chao xiulan xia ping gang guiying
xiaoming jianhua ling hao mei ying hong bin xinyi zihan haoran yuxuan zixuan mengyao jiaqi ruoxi yichen mingze siyuan
jianguo guohua shuzhen yulan fengying zhiqiang haiyan lihua chunmei""".split()
_INDIAN_FAMILY = """sharma singh kumar patel gupta reddy nair iyer khan das rao joshi verma mehta shah chopra naidu pillai
banerjee mukherjee""".split()
_INDIAN_GIVEN = """rajesh ramesh suresh mahesh mukesh sunita anita kavita savita sangita amit sumit rohit mohit anil sunil
ravi kiran arjun varun lakshmi saraswati deepak deepika""".split()
_ARABIC_FAMILY = (
    "alharbi alghamdi alqahtani alshehri alotaibi haddad khoury nasser mansour saleh hamdan aziz".split()
)
_ARABIC_GIVEN = """mohammed ahmed mahmoud ali hassan hussein omar khalid fatima aisha maryam zainab noura layla yousef
ibrahim abdullah abdulrahman saeed salma""".split()
_ARABIC_SCRIPT = {
    "mohammed": "محمد", "ahmed": "أحمد", "mahmoud": "محمود", "ali": "علي", "hassan": "حسن", "hussein": "حسين",
    "omar": "عمر", "khalid": "خالد", "fatima": "فاطمة", "aisha": "عائشة", "maryam": "مريم", "zainab": "زينب",
    "noura": "نورة", "layla": "ليلى", "yousef": "يوسف", "ibrahim": "إبراهيم", "abdullah": "عبدالله",
    "abdulrahman": "عبدالرحمن", "saeed": "سعيد", "salma": "سلمى", "haddad": "حداد", "khoury": "خوري", "nasser": "ناصر",
    "mansour": "منصور", "saleh": "صالح", "hamdan": "حمدان", "aziz": "عزيز", "alharbi": "الحربي",
    "alghamdi": "الغامدي", "alqahtani": "القحطاني", "alshehri": "الشهري", "alotaibi": "العتيبي",
}  # fmt: skip
_TOWNS = [
    ("springfield", "62701"), ("riverside", "92501"), ("fairview", "37062"), ("salem", "97301"), ("georgetown", "78626"),
]  # fmt: skip
_STREETS = "oak maple cedar washington lake hill park sunset church mill prospect lincoln".split()
_MAIL = ("inbox.example", "letters.example", "quick.test", "post.test")
_SYLLABLES = "ba ker lo mar ten vi sto gra pel ro han dri cas mo wel ty bur fen".split()
_ENDS = ("son", "man", "field", "er", "ley", "wick", "ski", "o")
_KEYS = ["qwertyuiop", "asdfghjkl", "zxcvbnm"]


class Maker:
    """Draws people, and writes them down a second time with slips."""

    def __init__(self, seed: int, given: Sequence[str], family: Sequence[str], listed: float = 0.6) -> None:
        """`listed`: how many have a family name of the list; the others have a rare one."""
        self.dice = Random(seed)
        self._listed = listed
        self._given, self._family = given, family
        self._count = 0
        self._taken: set[str] = set()

    def common(self, values: Sequence[str]) -> str:
        """The first values are far more frequent than the last ones."""
        return self.dice.choices(values, [1 / (n + 8) for n in range(len(values))])[0]

    def _rare(self) -> str:
        """A family name of which there are few."""
        return "".join(
            self.dice.choice(_SYLLABLES) for _ in range(self.dice.choice((2, 3)))
        ) + self.dice.choice(_ENDS)

    def person(self, **known: str) -> Row:
        """Somebody new; `known` is shared with others of the family."""
        self._count += 1
        town, postcode = self.dice.choice(_TOWNS)
        row = {
            "truth": f"p{self._count}",
            "given_name": self.common(self._given),
            "family_name": self.common(self._family) if self.dice.random() < self._listed else self._rare(),
            "date_of_birth": self._born(1930, 2008),
            "street": f"{self.dice.choice(_STREETS)} street",
            "house_number": str(self.dice.randint(1, 900)),
            "postcode": postcode,
            "city": town,
            "phone": f"+49151{self.dice.randint(10_000_000, 99_999_999)}",
        } | known
        first, last = row["given_name"], row["family_name"].replace("'", "")
        local = self.dice.choice(
            (f"{first}.{last}", f"{first[0]}{last}", f"{last}{first[0]}{self.dice.randint(50, 99)}")
        )
        return {"email": self.address(local, self.dice.choice(_MAIL))} | row

    def address(self, local: str, domain: str) -> str:
        """An e-mail address that nobody has yet."""
        address, number = f"{local}@{domain}", 1
        while address in self._taken:
            number += 1
            address = f"{local}{number}@{domain}"
        self._taken.add(address)
        return address

    def family(self) -> list[Row]:
        """One to five people of one home; twins, and a child with a parent's name, among them."""
        first = self.person(date_of_birth=self._born(1930, 1975))
        home = {n: first[n] for n in ("family_name", "street", "house_number", "postcode", "city")}
        landline = f"+4930{self.dice.randint(2_000_000, 9_999_999)}"
        people = [first]
        for _ in range(self.dice.choice((0, 0, 0, 1, 1, 2, 3, 4))):
            people.append(
                self._relative(people, home | ({"phone": landline} if self.dice.random() < 0.3 else {}))
            )
        return people

    def _relative(self, people: list[Row], shared: Row) -> Row:
        """A junior, or somebody whose given name nobody else at home has."""
        first = people[0]
        if self.dice.random() < 0.1:
            return self.person(**shared, given_name=first["given_name"], date_of_birth=self._born(1993, 2008))
        born = (
            people[-1]["date_of_birth"] if self.dice.random() < 0.15 else self._born(1930, 2008)
        )  # some are twins
        if self.dice.random() < 0.15:
            shared["email"] = first["email"]
        taken = {p["given_name"] for p in people}
        name = next(n for n in iter(lambda: self.common(self._given), None) if n not in taken)
        return self.person(**shared, given_name=name, date_of_birth=born)

    def _born(self, first: int, last: int) -> str:
        return (
            f"{self.dice.randint(first, last)}-{self.dice.randint(1, 12):02d}-{self.dice.randint(1, 28):02d}"
        )

    def slips(self, row: Row, share: float = 0.25) -> Row:
        """The same person, written down again."""
        copy = dict(row)
        for name in copy:
            if name in ("truth", "source", "source_id"):
                continue
            chance = self.dice.random()
            if chance < share * 0.5:
                copy[name] = self._slip(copy[name])
            elif chance < share * 0.8:
                copy[name] = ""
        return copy

    def _slip(self, text: str) -> str:
        at = self.dice.randrange(len(text)) if text else 0
        near = next((row for row in _KEYS if text[at : at + 1] in row and text), "0123456789")
        return self.dice.choice((
            text[:at] + text[at + 1 :],
            text[:at] + self.dice.choice(near) + text[at + 1 :],
            text[:at] + text[at : at + 1] + text[at:],
            text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :],
        ))  # fmt: skip


def _kept(rows: Iterable[Row], *fields: str) -> list[Row]:
    return [{n: row[n] for n in ("truth", *fields)} for row in rows]


def _twice(maker: Maker, count: int, duplicates: float = 0.4) -> list[Row]:
    people: list[Row] = []
    while len(people) < count:
        people += maker.family()
    return people + [maker.slips(p) for p in people if maker.dice.random() < duplicates]


def voters(seed: int) -> list[Row]:
    """US voters: names, town and date of birth; juniors and twins at one address."""
    rows = _twice(Maker(seed, _US_GIVEN, _US_FAMILY), 2500)
    return _kept(
        rows, "given_name", "family_name", "date_of_birth", "street", "house_number", "city", "postcode"
    )


def name_town_date(seed: int) -> list[Row]:
    """Only a name, a town and a date."""
    rows = _twice(Maker(seed, _US_GIVEN, _US_FAMILY), 2500)
    return _kept(rows, "given_name", "family_name", "date_of_birth", "city")


def contacts(seed: int) -> list[Row]:
    """Only a name, an e-mail address and a phone number; families share both."""
    return _kept(
        _twice(Maker(seed, _US_GIVEN, _US_FAMILY), 2500), "given_name", "family_name", "email", "phone"
    )


def offices(seed: int) -> list[Row]:
    """Colleagues: one address, one switchboard, one domain, some with the same family name."""
    maker, rows = Maker(seed, _US_GIVEN, _US_FAMILY), []
    for number in range(120):
        office = maker.person()
        where = {n: office[n] for n in ("street", "house_number", "postcode", "city")}
        for _ in range(maker.dice.randint(2, 20)):
            one = maker.person(**where)
            if maker.dice.random() < 0.6:
                one["phone"] = office["phone"]
            name = f"{one['given_name'][0]}{one['family_name']}" if number % 2 else f"{one['given_name']}"
            one["email"] = maker.address(name.replace("'", ""), f"company{number}.example")
            if maker.dice.random() < 0.2:
                one["email"] = f"info@company{number}.example"
            rows += [one] + ([maker.slips(one)] if maker.dice.random() < 0.3 else [])
    return _kept(rows, "given_name", "family_name", "email", "phone", "street", "house_number", "postcode", "city")  # fmt: skip


def chinese(seed: int) -> list[Row]:
    """Few family names for all: name, phone number and date."""
    rows = _twice(Maker(seed, _CHINESE_GIVEN, _CHINESE_FAMILY, 1.0), 2500)
    return _kept(rows, "given_name", "family_name", "phone", "date_of_birth")


def indian(seed: int) -> list[Row]:
    """Given names one letter apart in one family: name, date, street, e-mail."""
    rows = _twice(Maker(seed, _INDIAN_GIVEN, _INDIAN_FAMILY, 1.0), 2500)
    return _kept(
        rows, "given_name", "family_name", "date_of_birth", "email", "street", "house_number", "city"
    )


def arabic(seed: int) -> list[Row]:
    """The second record is often in Arabic script."""
    maker = Maker(seed, _ARABIC_GIVEN, _ARABIC_FAMILY, 1.0)
    rows = _twice(maker, 2000)
    for row in rows[2000:]:
        if maker.dice.random() < 0.5:
            row["given_name"] = _ARABIC_SCRIPT.get(row["given_name"], row["given_name"])
            row["family_name"] = _ARABIC_SCRIPT.get(row["family_name"], row["family_name"])
    return _kept(rows, "given_name", "family_name", "email", "phone", "city")


def nobody_twice(seed: int) -> list[Row]:
    """Families and namesakes, every person once."""
    rows = _twice(Maker(seed, _US_GIVEN, _US_FAMILY), 4000, duplicates=0.0)
    return _kept(rows, *(n for n in rows[0] if n != "truth"))


def one_person(seed: int) -> list[Row]:
    """Three hundred records of one person."""
    maker = Maker(seed, _US_GIVEN, _US_FAMILY)
    somebody = maker.person()
    rows = [maker.slips(somebody, 0.2) for _ in range(300)]
    return _kept(rows, *(n for n in rows[0] if n != "truth"))


def one_address(seed: int) -> list[Row]:
    """Ten thousand people with one e-mail address."""
    maker = Maker(seed, _US_GIVEN, _US_FAMILY)
    rows = [maker.person(email="the.office@inbox.example") for _ in range(10_000)]
    return _kept(rows, "given_name", "family_name", "email", "date_of_birth")


TABLES: dict[str, Callable[[int], list[Row]]] = {
    made.__name__: made
    for made in (
        voters, name_town_date, contacts, offices, chinese, indian, arabic, nobody_twice, one_person, one_address,
    )
}  # fmt: skip


def main() -> None:
    """Writes all tables into the folder that is named."""
    folder, seed = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in TABLES.items():
        rows = made(seed)
        with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        print(f"{name}: {len(rows)} records")


if __name__ == "__main__":
    main()
