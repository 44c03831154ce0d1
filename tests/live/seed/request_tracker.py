"""Creates requesters and tickets in Request Tracker through its REST API and its mail gateway."""

from __future__ import annotations

import uuid
from datetime import datetime
from email.message import EmailMessage
from email.utils import formataddr
from typing import Any

import httpx

from tests.live.seed.plans import SUPPORT, Answer, HelpdeskEntry, Question, TicketPlan
from tests.live.seed.records import Requester, Ticket, TicketMessage
from tests.live.systems import System

REQUEST_SECONDS = 60.0
QUEUE = "General"
MESSAGE_TYPES = ("Create", "Correspond")


class RequestTrackerSeed:
    """A signed-in agent; use it as a context manager."""

    def __init__(self, system: System) -> None:
        self._tag = system.extra["rt_name"]
        self._agent = system.username
        auth = (system.username, system.secret)
        self._client = httpx.Client(base_url=system.base_url, auth=auth, timeout=REQUEST_SECONDS)

    def __enter__(self) -> RequestTrackerSeed:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def create_requester(self, entry: HelpdeskEntry) -> Requester:
        """A user record that an agent fills in before the person has ever written."""
        values = {
            "Name": entry.email,
            "EmailAddress": entry.email,
            "RealName": entry.name,
            "MobilePhone": entry.mobile,
            "WorkPhone": entry.work_phone,
            "Lang": entry.language or "",
            "Privileged": 0,
        }
        created = self._json("POST", "/REST/2.0/user", json=values)
        return self.read_requester(created["id"])

    def read_requester(self, login: str) -> Requester:
        """A user as the helpdesk keeps it now, by login or id."""
        record = self._json("GET", f"/REST/2.0/user/{login}")
        phones = (record.get(name, "") for name in ("MobilePhone", "WorkPhone", "HomePhone"))
        return Requester(
            id=int(record["id"]),
            login=record["Name"],
            email=record["EmailAddress"],
            name=record.get("RealName", ""),
            phones=tuple(phone for phone in phones if phone),
            language=record.get("Lang") or None,
        )

    def create_ticket(self, plan: TicketPlan) -> Ticket:
        """A ticket that the customer opens by mail, with the whole exchange that follows."""
        opening, *rest = plan.steps
        assert isinstance(opening, Question)
        self._ask(plan, opening, plan.subject)
        ticket_id = self._newest_ticket()
        texts = [opening.text]
        for step in rest:
            texts.append(step.text)
            if isinstance(step, Question):
                self._ask(plan, step, f"Re: [{self._tag} #{ticket_id}] {plan.subject}")
            else:
                self._answer(ticket_id, step)
        if plan.status is not None:
            self._set_status(ticket_id, plan.status)
        return self._read_ticket(ticket_id, plan.sender, texts)

    def tickets_of(self, email: str) -> dict[int, tuple[str, str]]:
        """Subject and status of an address's tickets, by number."""
        query = {"query": f"Requestor.EmailAddress = '{email}'", "fields": "Subject,Status", "per_page": 100}
        items = self._json("GET", "/REST/2.0/tickets", params=query)["items"]
        return {int(item["id"]): (item["Subject"], item["Status"]) for item in items}

    def texts_in(self, ticket_id: int) -> dict[int, str]:
        """The plain texts that a ticket holds, by the transaction that brought them."""
        query = {"fields": "TransactionId,ContentType,Content,Filename", "per_page": 100}
        items = self._json("GET", f"/REST/2.0/ticket/{ticket_id}/attachments", params=query)["items"]
        return {
            int(item["TransactionId"]): item["Content"].rstrip("\n")
            for item in items
            if item["ContentType"] == "text/plain" and not item["Filename"]
        }

    def _ask(self, plan: TicketPlan, question: Question, subject: str) -> None:
        """The customer's mail, handed in where RT's mail server hands it in."""
        message = EmailMessage()
        message["From"] = formataddr((plan.sender_name, plan.sender))
        message["To"] = SUPPORT
        message["Subject"] = subject
        message["Message-ID"] = f"<{uuid.uuid4()}@mail.example>"
        message.set_content(question.text, cte="quoted-printable")
        if question.html is not None:
            message.add_alternative(question.html, subtype="html")
        if question.attachment is not None:
            name, content = question.attachment
            message.add_attachment(content, maintype="image", subtype="png", filename=name)
        form = {"queue": QUEUE, "action": "correspond", "message": message.as_string()}
        answer = self._client.post("/REST/1.0/NoAuth/mail-gateway", data=form).raise_for_status()
        if not answer.text.startswith("ok"):
            raise RuntimeError("Request Tracker's mail gateway refused a message")

    def _answer(self, ticket_id: int, answer: Answer) -> None:
        values = {"Content": answer.text, "ContentType": "text/plain"}
        self._json("POST", f"/REST/2.0/ticket/{ticket_id}/correspond", json=values)
        if answer.status is not None:
            self._set_status(ticket_id, answer.status)

    def _set_status(self, ticket_id: int, status: str) -> None:
        """Sets a status unless the ticket has it: RT opens a new ticket by itself when it is answered."""
        if self._json("GET", f"/REST/2.0/ticket/{ticket_id}")["Status"] != status:
            self._json("PUT", f"/REST/2.0/ticket/{ticket_id}", json={"Status": status})

    def _newest_ticket(self) -> int:
        query = {"query": "id > 0", "orderby": "id", "order": "DESC", "per_page": 1}
        return int(self._json("GET", "/REST/2.0/tickets", params=query)["items"][0]["id"])

    def _read_ticket(self, ticket_id: int, sender: str, texts: list[str]) -> Ticket:
        record = self._json("GET", f"/REST/2.0/ticket/{ticket_id}")
        query = {"fields": "Type,Creator,Created", "per_page": 100}
        history = self._json("GET", f"/REST/2.0/ticket/{ticket_id}/history", params=query)["items"]
        spoken = sorted(
            (item for item in history if item["Type"] in MESSAGE_TYPES), key=lambda item: int(item["id"])
        )
        return Ticket(
            id=ticket_id,
            subject=record["Subject"],
            status=record["Status"],
            queue=QUEUE,
            requester_email=sender,
            created_at=_time(record["Created"]),
            updated_at=_time(record["LastUpdated"]),
            messages=tuple(self._message(item, text) for item, text in zip(spoken, texts, strict=True)),
        )

    def _message(self, item: dict[str, Any], text: str) -> TicketMessage:
        author = item["Creator"]["id"]
        return TicketMessage(
            transaction_id=int(item["id"]),
            inbound=author != self._agent,
            author=author,
            text=text,
            created_at=_time(item["Created"]),
        )

    def _json(self, method: str, path: str, **options: Any) -> Any:
        return self._client.request(method, path, **options).raise_for_status().json()


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)
