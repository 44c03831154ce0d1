"""Shopify's customers and orders as canonical records."""

from __future__ import annotations

from adapters.kit.money import padded
from adapters.kit.text import text, utc
from adapters.records import (
    Address,
    Consent,
    ConsentState,
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
from adapters.webshop.shopify import models

_STATES = {
    "SUBSCRIBED": ConsentState.GRANTED,
    "UNSUBSCRIBED": ConsentState.WITHDRAWN,
    "PENDING": ConsentState.PENDING,
}  # NOT_SUBSCRIBED, NEVER_SUBSCRIBED, INVALID and REDACTED: the person said nothing


def profile(source: str, admin_url: str | None, customer: models.Customer) -> Profile:
    """A customer. Phone numbers of postal addresses are left out: often they are a recipient's."""
    default = customer.default_address
    return Profile(
        source=source,
        id=customer.legacy_resource_id,
        url=f"{admin_url}/customers/{customer.legacy_resource_id}" if admin_url else None,
        created_at=utc(customer.created_at),
        updated_at=utc(customer.updated_at),
        given_name=text(customer.first_name),
        family_name=text(customer.last_name),
        language=_language(customer.locale),
        emails=_emails(customer),
        phones=_phones(customer),
        addresses=_addresses(customer),
        consents=_consents(customer),
        preferences=tuple(Preference(name="tag", value=tag) for tag in customer.tags if tag.strip()),
        customer_number=customer.legacy_resource_id,
        country=text(default.country_code) if default else None,
    )


def order(source: str, admin_url: str | None, owner: str, found: models.Order) -> Order:
    """An order; amounts are in the shop's currency, and those of the order as it was placed."""
    return Order(
        source=source,
        id=found.legacy_resource_id,
        url=f"{admin_url}/orders/{found.legacy_resource_id}" if admin_url else None,
        created_at=utc(found.created_at),
        updated_at=utc(found.updated_at),
        at=utc(found.created_at) or found.created_at,
        owner=owner,
        number=text(found.name) or found.legacy_resource_id,
        status=_status(found),
        payment_status=found.display_financial_status,
        fulfillment_status=found.display_fulfillment_status,
        total=money(found.total_price_set),
        subtotal=money(found.subtotal_price_set),
        tax=money(found.total_tax_set),
        shipping=money(found.total_shipping_price_set),
        discount=money(found.total_discounts_set),
        refunded=money(found.total_refunded_set),
        lines=tuple(line(each) for each in found.line_items.nodes) if found.line_items else (),
        lines_truncated=bool(found.line_items and found.line_items.page_info.has_next_page),
        refunds=tuple(_refund(each) for each in found.refunds),
        cancelled_at=utc(found.cancelled_at),
        cancel_reason=found.cancel_reason,
        channel=text(found.source_name),
        payment_methods=tuple(name for name in found.payment_gateway_names if name.strip()),
        shipping_address=_address(found.shipping_address, None) if found.shipping_address else None,
    )


def line(found: models.Line) -> OrderLine:
    """A line of an order, with the quantity that was ordered: refunded and removed units included."""
    return OrderLine(
        id=found.id.rsplit("/", 1)[-1],
        title=text(found.name) or found.id,
        sku=text(found.sku),
        quantity=found.quantity,
        unit_price=money(found.original_unit_price_set),
        total=money(found.discounted_total_set),
    )


def money(bag: models.MoneyBag | None) -> Money | None:
    """An amount in the shop's currency."""
    if bag is None:
        return None
    currency = bag.shop_money.currency_code
    return Money(amount=padded(bag.shop_money.amount, currency), currency=currency)


def _status(found: models.Order) -> OrderStatus:
    if found.cancelled_at is not None:
        return OrderStatus.CANCELLED
    if found.display_financial_status == "REFUNDED":
        return OrderStatus.REFUNDED
    if found.display_financial_status == "PARTIALLY_REFUNDED":
        return OrderStatus.PARTIALLY_REFUNDED
    delivered = found.display_fulfillment_status in ("FULFILLED", "FULFILLMENT_NOT_REQUIRED")
    if found.closed or (found.display_financial_status == "PAID" and delivered):
        return OrderStatus.COMPLETED
    return OrderStatus.OPEN


def _refund(found: models.Refund) -> Refund:
    return Refund(
        id=found.legacy_resource_id,
        at=utc(found.created_at),
        amount=money(found.total_refunded_set),
        note=text(found.note),
    )


def _emails(customer: models.Customer) -> tuple[EmailAddress, ...]:
    found = customer.default_email_address
    return (EmailAddress(value=found.email_address, primary=True),) if found and found.email_address else ()


def _phones(customer: models.Customer) -> tuple[PhoneNumber, ...]:
    found = customer.default_phone_number
    return (PhoneNumber(value=found.phone_number, primary=True),) if found and found.phone_number else ()


def _addresses(customer: models.Customer) -> tuple[Address, ...]:
    default = customer.default_address.id if customer.default_address else None
    found = customer.addresses.nodes if customer.addresses else []
    return tuple(_address(each, default) for each in found)


def _address(found: models.Address, default: str | None) -> Address:
    street = "\n".join(part for part in (text(found.address1), text(found.address2)) if part)
    return Address(
        name=text(found.name),
        company=text(found.company),
        street=street or None,
        postcode=text(found.zip),
        city=text(found.city),
        region=text(found.province),
        country=text(found.country_code) or text(found.country),
        primary=default is not None and found.id == default,
    )


def _consents(customer: models.Customer) -> tuple[Consent, ...]:
    email, phone = customer.default_email_address, customer.default_phone_number
    said = [("email", email.marketing_state, email.marketing_updated_at)] if email else []
    if phone and phone.sms:
        said.append(("sms", phone.sms.state, phone.sms.updated_at))
    return tuple(
        Consent(purpose="marketing", channel=channel, state=_STATES[state], at=utc(at))
        for channel, state, at in said
        if state in _STATES
    )


def _language(locale: str | None) -> str | None:
    """BCP 47: "pt-br" and "pt_BR" become "pt-BR"."""
    found = text(locale)
    if found is None:
        return None
    language, _, region = found.replace("_", "-").partition("-")
    return (
        f"{language.lower()}-{region.upper() if len(region) == 2 else region}" if region else language.lower()
    )
