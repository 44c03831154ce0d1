"""Vendure's customers and orders as canonical records."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from adapters.kit.text import text, utc
from adapters.records import (
    Address,
    EmailAddress,
    Money,
    Order,
    OrderLine,
    OrderStatus,
    PhoneNumber,
    Preference,
    Profile,
    Refund,
)
from adapters.webshop.vendure import models


def profile(source: str, admin_url: str | None, customer: models.Customer) -> Profile:
    """A customer. Phone numbers of postal addresses are left out: often they are a recipient's."""
    addresses = customer.addresses or []
    return Profile(
        source=source,
        id=customer.id,
        url=f"{admin_url}/customers/{customer.id}" if admin_url else None,
        created_at=utc(customer.created_at),
        # the server does not touch a customer when an address changes
        updated_at=_latest([customer.updated_at, *(address.updated_at for address in addresses)]),
        given_name=text(customer.first_name),
        family_name=text(customer.last_name),
        emails=tuple(EmailAddress(value=v, primary=True) for v in [text(customer.email_address)] if v),
        phones=tuple(PhoneNumber(value=v, primary=True) for v in [text(customer.phone_number)] if v),
        addresses=tuple(_address(address) for address in addresses),
        preferences=tuple(Preference(name="group", value=g.name) for g in customer.groups if text(g.name)),
        customer_number=customer.id,
        country=_country(addresses),
    )


def order(source: str, admin_url: str | None, owner: str, precision: int, found: models.Order) -> Order:
    """An order; amounts include tax. `precision` is how many decimals the server's integer amounts hold."""

    def money(amount: int) -> Money:
        return Money(amount=Decimal(amount).scaleb(-precision), currency=found.currency_code)

    payments = found.payments or []
    refunds = [refund for payment in payments for refund in payment.refunds if refund.state != "Failed"]
    refunded = sum(refund.total for refund in refunds if refund.state == "Settled")
    cancellations = found.history.items if found.history and found.state == "Cancelled" else []
    return Order(
        source=source,
        id=found.id,
        url=f"{admin_url}/orders/{found.id}" if admin_url else None,
        created_at=utc(found.created_at),
        updated_at=_latest(_touched(found)),
        at=utc(found.order_placed_at) or found.order_placed_at,
        owner=owner,
        number=text(found.code) or found.id,
        status=_status(found, refunded),
        payment_status=_words(payment.state for payment in payments),
        fulfillment_status=_words(each.state for each in found.fulfillments or ()),
        total=money(found.total_with_tax),
        subtotal=money(found.sub_total_with_tax),
        tax=money(sum(tax.tax_total for tax in found.tax_summary)),
        shipping=money(found.shipping_with_tax),
        # a cancellation stands among the discounts, as what takes the order to nothing
        discount=money(0 if found.state == "Cancelled" else -sum(d.amount_with_tax for d in found.discounts)),
        refunded=money(refunded),
        lines=tuple(
            OrderLine(
                id=line.id,
                title=text(line.product_variant.name) or line.id,
                sku=text(line.product_variant.sku),
                quantity=line.quantity,
                unit_price=money(line.unit_price_with_tax),
                total=money(line.discounted_line_price_with_tax),
            )
            for line in sorted(found.lines, key=_place)
        ),
        refunds=tuple(
            Refund(id=r.id, at=utc(r.created_at), amount=money(r.total), note=text(r.reason)) for r in refunds
        ),
        cancelled_at=utc(cancellations[0].created_at) if cancellations else None,
        cancel_reason=_reason(cancellations[0]) if cancellations else None,
        channel=next((c.code for c in found.channels if c.code.strip() and c.code != _DEFAULT_CHANNEL), None),
        payment_methods=tuple(dict.fromkeys(p.method for p in payments if text(p.method))),
        shipping_address=_order_address(found.shipping_address) if found.shipping_address else None,
    )


_DEFAULT_CHANNEL = "__default_channel__"


def _place(line: models.Line) -> tuple[int, str]:
    """The server tells lines in no order; ids that count tell the order in which they were added."""
    return len(line.id), line.id


def _status(found: models.Order, refunded: int) -> OrderStatus:
    if found.state == "Cancelled":
        return OrderStatus.CANCELLED
    if refunded > 0:
        whole = refunded >= found.total_with_tax
        return OrderStatus.REFUNDED if whole else OrderStatus.PARTIALLY_REFUNDED
    return OrderStatus.COMPLETED if found.state == "Delivered" else OrderStatus.OPEN


def _touched(found: models.Order) -> list[datetime]:
    """The server leaves an order's own `updatedAt` alone when its payments, parcels or state change."""
    payments = found.payments or []
    return [
        found.updated_at,
        found.order_placed_at,
        *(payment.updated_at for payment in payments),
        *(refund.updated_at for payment in payments for refund in payment.refunds),
        *(each.updated_at for each in found.fulfillments or ()),
    ]


def _latest(times: Iterable[datetime]) -> datetime | None:
    return max(found for time in times if (found := utc(time)))


def _words(words: Iterable[str]) -> str | None:
    return ", ".join(dict.fromkeys(word for word in words if word.strip())) or None


def _reason(entry: models.History) -> str | None:
    reason = entry.data.get("reason") if isinstance(entry.data, dict) else None
    return text(reason) if isinstance(reason, str) else None


def _country(addresses: list[models.Address]) -> str | None:
    """Of the default address, or of all addresses where they agree."""
    default = [a for a in addresses if a.default_shipping_address or a.default_billing_address]
    codes = {a.country.code.upper() for a in default or addresses if a.country and len(a.country.code) == 2}
    return codes.pop() if len(codes) == 1 else None


def _address(found: models.Address) -> Address:
    labels = [(found.default_shipping_address, "shipping"), (found.default_billing_address, "billing")]
    return Address(
        label=next((label for holds, label in labels if holds), None),
        name=text(found.full_name),
        company=text(found.company),
        street=_street(found.street_line1, found.street_line2),
        postcode=text(found.postal_code),
        city=text(found.city),
        region=text(found.province),
        country=text(found.country.code) if found.country else None,
        primary=bool(found.default_shipping_address),
    )


def _order_address(found: models.OrderAddress) -> Address | None:
    """Where the order goes; nothing where no field is filled."""
    address = Address(
        name=text(found.full_name),
        company=text(found.company),
        street=_street(found.street_line1, found.street_line2),
        postcode=text(found.postal_code),
        city=text(found.city),
        region=text(found.province),
        country=text(found.country_code) or text(found.country),
    )
    return address if address != Address() else None


def _street(*lines: str | None) -> str | None:
    return "\n".join(line for each in lines if (line := text(each))) or None
