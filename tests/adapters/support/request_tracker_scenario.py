"""People and tickets for the Request Tracker adapter's contract: put into a real server, or read back from what was recorded."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import formataddr
from pathlib import Path
from typing import Any

import httpx

from adapters.base import KeyType, MatchKey, Owner
from adapters.contract import ContractCase
from adapters.records import RecordKind
from adapters.support.request_tracker import adapter as request_tracker
from adapters.support.request_tracker.settings import RequestTrackerSettings

RECORDED = Path(__file__).with_name("recorded") / "request_tracker"
CASE = RECORDED.with_name("request_tracker_case.json")

Json = dict[str, Any]


class Seeder:
    """Writes into a real server as its superuser."""

    def __init__(self, base_url: str, username: str, password: str) -> None:
        self._username = username
        self._client = httpx.Client(
            base_url=base_url, auth=(username, password), timeout=120, trust_env=False
        )

    def __enter__(self) -> Seeder:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def user(self, **fields: Any) -> str:
        """A user; their number."""
        name = self._json("POST", "user", json=fields)["id"]
        return str(self._json("GET", f"user/{name}")["id"])

    def mail(self, sender: str, name: str, subject: str, text: str, *, html: str | None = None) -> None:
        """A customer's mail, with a file attached."""
        message = EmailMessage()
        message["From"], message["To"] = formataddr((name, sender)), "support@helpdesk.example"
        message["Subject"], message["Message-ID"] = subject, f"<{uuid.uuid4()}@mail.example>"
        message.set_content(text, cte="quoted-printable")
        if html is not None:
            message.add_alternative(html, subtype="html")
        message.add_attachment("not a part of what was said", filename="notes.txt")
        form = {"queue": "General", "action": "correspond", "message": message.as_string()}
        answer = self._client.post("/REST/1.0/NoAuth/mail-gateway", data=form).raise_for_status()
        assert answer.text.startswith("ok"), "the mail gateway refused a message"

    def ticket(self, *requestors: str, subject: str, text: str = "") -> str:
        """A ticket that an agent opens for somebody; its number."""
        values = {"Queue": "General", "Subject": subject, "Requestor": list(requestors)}
        more = {"Content": text, "ContentType": "text/plain"} if text else {}
        return str(self._json("POST", "ticket", json=values | more)["id"])

    def say(self, ticket: str, how: str, text: str, content_type: str = "text/plain") -> None:
        self._json("POST", f"ticket/{ticket}/{how}", json={"Content": text, "ContentType": content_type})

    def set(self, ticket: str, **values: Any) -> None:
        self._json("PUT", f"ticket/{ticket}", json=values)

    def newest_ticket(self) -> str:
        query = {"query": "id > 0", "orderby": "id", "order": "DESC", "per_page": 1}
        return str(self._json("GET", "tickets", params=query)["items"][0]["id"])

    def entries(self, ticket: str) -> list[str]:
        """Numbers of what was said on a ticket, newest first: by second, then by number as text."""
        items = self._json(
            "GET", f"ticket/{ticket}/history", params={"fields": "Type,Created", "per_page": 100}
        )["items"]
        said = [i for i in items if i["Type"] in ("Create", "Correspond", "Comment")]
        return [str(i["id"]) for i in sorted(said, key=lambda i: (i["Created"], str(i["id"])), reverse=True)]

    def newest_first(self, *tickets: str) -> list[str]:
        created = {ticket: self._json("GET", f"ticket/{ticket}")["Created"] for ticket in tickets}
        return sorted(tickets, key=lambda ticket: (created[ticket], ticket), reverse=True)

    @contextlib.contextmanager
    def in_zone(self, zone: str) -> Iterator[None]:
        """For a while, the superuser lives in another time zone."""
        before = self._json("GET", f"user/{self._username}").get("Timezone", "")
        self._json("PUT", f"user/{self._username}", json={"Timezone": zone})
        try:
            yield
        finally:
            self._json("PUT", f"user/{self._username}", json={"Timezone": before})

    def _json(self, method: str, path: str, **options: Any) -> Any:
        return self._client.request(method, f"/REST/2.0/{path}", **options).raise_for_status().json()


def seed(base_url: str, username: str, password: str) -> Json:
    """Creates people and tickets that nobody else has, and says what must be found of them."""
    tag = uuid.uuid4().hex[:8]
    ada_mail, ben_mail = f"Ada.{tag}@Example.com", f"ben.{tag}@example.com"
    phone = f"+4930{int(tag, 16) % 10**7:07d}"
    spaced = f"030 / {phone[5:8]}-{phone[8:]}"
    with Seeder(base_url, username, password) as rt:
        ada = rt.user(
            Name=ada_mail, EmailAddress=ada_mail, RealName=f'Ada O\'Neil "{tag}"', MobilePhone=phone, Lang="de",
            Organization="Neil & Co", Address1="Hauptstr. 1", Address2="Hinterhaus", Zip="10115", City="Berlin",
            Country="DE",
        )  # fmt: skip
        ben = rt.user(Name=f"ben-{tag}", EmailAddress=ben_mail, RealName="Bén Świątek", WorkPhone=spaced)
        rt.user(
            Name=f"agent-{tag}", EmailAddress=f"agent.{tag}@example.com", RealName="Sam Agent", Privileged=1
        )
        rt.mail(
            ada_mail, "Ada", "Größe?", "Welche Größe habe ich?\n", html="<p>Welche <b>Größe</b> habe ich?</p>"
        )
        asked = rt.newest_ticket()
        rt.say(asked, "correspond", "<div>Size <b>M</b>.</div><script>x</script>", "text/html")
        rt.say(asked, "comment", "She always asks that.")
        rt.mail(ada_mail, "Ada", f"Re: [helpdesk.example #{asked}] Größe?", "Danke!")
        rt.set(asked, Status="resolved")
        shared = rt.ticket(ada_mail, ben_mail, subject=f'it\'s "broken" \\ {tag}', text="Both wrote.")
        rt.set(shared, Status="stalled")
        spam = rt.ticket(ada_mail, subject="An offer", text="x")
        rt.set(spam, Status="rejected")
        bare = rt.ticket(ada_mail, subject="")
        gone = rt.ticket(ada_mail, subject="Twice")
        rt.set(gone, Status="deleted")
        call = rt.ticket(ben_mail, subject="A call", text="He called.")
        return {
            "find": [
                ["email", ada_mail.lower(), [ada]],
                ["email", ben_mail, [ben]],
                ["phone", phone, [ada, ben]],
                ["ticket_number", asked, [ada]],
                ["ticket_number", f"#{shared}", [ada, ben]],
                ["customer_number", ada, [ada]],
                ["customer_number", f"ben-{tag}", [ben]],
                ["name", f"{tag} ada", [ada]],
            ],
            "profiles": {
                ada: {"full_name": f'Ada O\'Neil "{tag}"', "language": "de", "country": "DE", "customer_number": ada},
                ben: {"full_name": "Bén Świątek", "country": None},
            },
            "tickets": {ada: rt.newest_first(asked, shared, spam, bare), ben: rt.newest_first(shared, call)},
            "comments": {ticket: rt.entries(ticket) for ticket in (asked, shared, call)},
            "named": {"asked": asked, "shared": shared, "spam": spam, "bare": bare, "gone": gone, "call": call,
                      "ada": ada, "ben": ben, "agent": f"agent.{tag}@example.com", "phone": phone, "spaced": spaced},
        }  # fmt: skip


def settings(base_url: str, username: str, password: str, **more: Any) -> RequestTrackerSettings:
    given = {"base_url": base_url, "username": username, "password": password, "default_country": "DE"}
    return RequestTrackerSettings.model_validate(given | more)


def contract_case(
    facts: Json, transport: httpx.AsyncBaseTransport | None, given: RequestTrackerSettings
) -> ContractCase:
    """The contract suite's case for what was seeded."""

    def owned(kind: str) -> dict[Owner, tuple[str, ...]]:
        return {Owner(ref=ref): tuple(ids) for ref, ids in facts[kind].items()}

    return ContractCase.over_http(
        request_tracker,
        given,
        transport,
        find={MatchKey(KeyType(kind), value): frozenset(ids) for kind, value, ids in facts["find"]},
        # addresses, phones, tickets, numbers, logins, and two names
        find_calls=7,
        profiles=facts["profiles"],
        owners={RecordKind.TICKET: owned("tickets"), RecordKind.COMMENT: owned("comments")},
    )


def recorded_facts() -> Json:
    return json.loads(CASE.read_text())  # type: ignore[no-any-return]
