"""What people and the shop's staff write: ticket subjects, comments, campaign titles and reasons."""

from __future__ import annotations

from functools import cache


@cache
def subjects() -> dict[str, tuple[str, ...]]:
    return {
        "de": (
            "Lieferung nicht angekommen",
            "Rechnung fehlt",
            "Espressokanne undicht",
            "Adresse ändern",
            "Rückgabe der Handmühle",
            "Frage zum Abo",
            "Falscher Artikel geliefert",
            "Newsletter abbestellen",
        ),
        "pl": (
            "Paczka nie dotarła",
            "Brak faktury",
            "Zwrot towaru",
            "Zmiana adresu dostawy",
            "Pytanie o zamówienie",
        ),
        "tr": ("Kargom gelmedi", "Fatura istiyorum", "Ürün kırık çıktı", "Adres değişikliği", "İade talebi"),
        "ja": ("商品が届きません", "領収書をお願いします", "返品したいです", "住所変更のお願い"),
        "ar": ("لم يصل الطلب", "أحتاج إلى الفاتورة", "المنتج مكسور", "تغيير العنوان"),
        "en": (
            "Parcel has not arrived",
            "Invoice missing",
            "Broken carafe",
            "Change my address",
            "How do I return this?",
            "Charged twice",
        ),
    }


@cache
def questions() -> dict[str, tuple[str, ...]]:
    """What customers write."""
    return {
        "de": (
            "Guten Tag, können Sie bitte nachsehen? Danke!",
            "Leider hat das nicht geholfen.",
            "Ich habe es noch einmal versucht, gleiches Ergebnis.",
            "Wann darf ich mit einer Antwort rechnen?",
            "Vielen Dank, das passt so.",
        ),
        "pl": ("Dzień dobry, proszę o sprawdzenie.", "Niestety nadal to samo.", "Dziękuję, już działa."),
        "tr": ("Merhaba, kontrol edebilir misiniz?", "Maalesef olmadı.", "Teşekkürler, oldu."),
        "ja": ("ご確認をお願いいたします。", "まだ解決していません。", "ありがとうございました。"),
        "ar": ("مرحبا، هل يمكنكم التحقق؟", "للأسف لم تحل المشكلة.", "شكرا جزيلا."),
        "en": (
            "Hello, could you please check?",
            "That did not help, I am afraid.",
            "I tried it again with the same result.",
            "Any news on this?",
            "Thanks, that works.",
        ),
    }


@cache
def answers() -> tuple[str, ...]:
    """What agents write."""
    return (
        "Thank you for writing. We are looking into it.",
        "Could you send us your order number, please?",
        "We have asked the carrier and will come back to you by tomorrow.",
        "A replacement is on its way.",
        "The refund has been started; it takes three to five days.",
        "Vielen Dank für Ihre Geduld, wir melden uns morgen.",
        "We have changed the address for you.",
    )


@cache
def internal_notes() -> tuple[str, ...]:
    """What agents write to each other; never shown to the customer."""
    return (
        "Checked with the warehouse: parcel scanned on Monday.",
        "Goodwill voucher approved.",
        "Second complaint this month.",
    )


@cache
def campaigns() -> tuple[str, ...]:
    return (
        "Neue Ernte aus Äthiopien",
        "Sommerpause",
        "Barista-Kurs im Herbst",
        "Black Week",
        "Teezeit",
        "Frühjahrsputz für die Maschine",
        "Geschenkideen",
        "Was ist Honey Process?",
        "10 % für Stammkunden",
        "Rösterei-Führung",
        "Umfrage: Ihr Lieblingskaffee",
        "Neu: Versand nach Japan",
    )


@cache
def unsubscribe_reasons() -> tuple[str, ...]:
    return (
        "NORMAL: no longer interested",
        "NORMAL: too many e-mails",
        "NORMAL: did not sign up",
        "N/A (Unsubscribed by admin)",
    )
