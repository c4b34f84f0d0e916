from __future__ import annotations

import email
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from email.message import Message
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Organization, User
from integrations.models import Connection
from invoices.models import Business, Invoice, PaperSent, Post, Status
from invoices.services.mailing import BACK_OFF, NotToSend, send_due_letters, send_to_buyer, switch_letters
from invoices.services.papering import pdf_of
from tests.invoices.making import BUYER, make_draft
from tests.invoices.standing import stand_at


class Sink(socketserver.StreamRequestHandler):
    """A mail server that takes one letter a connection and keeps it, or refuses every recipient."""

    def handle(self) -> None:
        """Speak as much of RFC 5321 as a client needs."""
        self.wfile.write(b"220 sink\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (line := self.rfile.readline()) != b".\r\n":
                    lines.append(line[1:] if line.startswith(b"..") else line)
                self.server.letters.append(b"".join(lines))  # type: ignore[attr-defined]
            if verb == b"RCPT" and self.server.refuses:  # type: ignore[attr-defined]
                self.wfile.write(self.server.refuses)  # type: ignore[attr-defined]
            else:
                self.wfile.write(b"250 ok\r\n" if verb != b"QUIT" else b"221 bye\r\n")
            if verb == b"QUIT":
                return


@pytest.fixture
def sink(settings: Any) -> Iterator[Any]:
    """Yield a real mail server on this machine, to which the settings point."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink) as server:
        server.letters, server.refuses = [], b""  # type: ignore[attr-defined]
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        yield server
        server.shutdown()


def parts(message: Message) -> dict[str, Any]:
    return {part.get_content_type(): part for part in message.walk() if not part.is_multipart()}


def test_the_buyer_gets_the_pdf_over_real_smtp(signed: Invoice, owner: User, sink: Any) -> None:
    row = send_to_buyer(invoice=signed, by=owner)
    assert send_due_letters() == {Post.SENT: 1}
    [raw] = sink.letters
    letter = email.message_from_bytes(raw)
    found = parts(letter)
    assert found["application/pdf"].get_payload(decode=True) == pdf_of(signed)
    assert found["application/pdf"].get_filename() == f"{signed.number}.pdf"
    text = found["text/plain"].get_payload(decode=True).decode()
    for fact in (signed.number, signed.irn, "₦290,250.00", "SANDBOX – not a tax invoice"):
        assert str(fact) in text
        assert str(fact) in found["text/html"].get_payload(decode=True).decode()
    assert letter["To"] == BUYER.email
    assert letter["Message-ID"].startswith(f"<{signed.irn}@")
    row.refresh_from_db()
    assert (row.outcome, row.by, row.to) == (Post.SENT, owner, BUYER.email)
    assert row.sent_at is not None


def test_one_invoice_is_one_letter(signed: Invoice) -> None:
    send_to_buyer(invoice=signed)
    send_to_buyer(invoice=signed)
    send_due_letters()
    send_due_letters()
    assert len(mail.outbox) == 1
    with pytest.raises(NotToSend, match="already"):
        send_to_buyer(invoice=signed)
    with pytest.raises(IntegrityError), transaction.atomic():
        PaperSent.objects.create(invoice=signed, outcome=Post.NO_ADDRESS)


@pytest.mark.parametrize("status", [Status.READY, Status.UNKNOWN, Status.REJECTED, Status.VOIDED])
def test_nothing_unsigned_goes_to_a_buyer(business: Business, issue: Callable[..., Invoice], status: Status) -> None:
    with pytest.raises(NotToSend, match="not signed"):
        send_to_buyer(invoice=stand_at(issue(), status))
    assert not PaperSent.objects.exists()


def test_once_switched_on_what_is_signed_later_goes_by_itself_and_nothing_older(
    business: Business, issue: Callable[..., Invoice], other_organization: Organization
) -> None:
    old = stand_at(issue(), Status.SIGNED)
    switch_letters(business=business, is_on=True)
    new, waiting = stand_at(issue(), Status.SIGNED), issue()
    send_due_letters()
    send_due_letters()
    assert [message.subject for message in mail.outbox] == [
        f"[SANDBOX] Invoice {new.number} from {business.legal_name}"
    ]
    assert not PaperSent.objects.filter(invoice__in=[old, waiting]).exists()


def test_a_failure_is_tried_again_later_and_given_up_in_the_end(signed: Invoice, sink: Any) -> None:
    sink.refuses = b"451 come back later\r\n"
    row = send_to_buyer(invoice=signed)
    for number, wait in enumerate(BACK_OFF, start=1):
        assert send_due_letters() == {Post.WAITING: 1}
        row.refresh_from_db()
        assert row.attempts == number
        assert row.next_attempt_at is not None
        assert abs(row.next_attempt_at - timezone.now() - timedelta(seconds=wait)) < timedelta(seconds=20)
        assert "tried again" in row.problem
        assert send_due_letters() == {}
        PaperSent.objects.update(next_attempt_at=timezone.now())
    assert send_due_letters() == {Post.FAILED: 1}
    sink.refuses = b""
    send_to_buyer(invoice=signed)
    assert send_due_letters() == {Post.SENT: 1}
    assert len(sink.letters) == 1


def test_an_address_refused_for_good_is_not_tried_again(signed: Invoice, sink: Any) -> None:
    sink.refuses = b"550 no such person\r\n"
    send_to_buyer(invoice=signed)
    assert send_due_letters() == {Post.FAILED: 1}
    assert "for good" in PaperSent.objects.get().problem


def test_a_mail_server_that_is_away_costs_time_only(signed: Invoice, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    send_to_buyer(invoice=signed)
    assert send_due_letters() == {Post.WAITING: 1}


def test_without_a_mail_server_who_asks_is_told_and_nothing_waits(signed: Invoice, settings: Any) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.smtp.EmailBackend", ""
    with pytest.raises(NotToSend, match="EMAIL_URL"):
        send_to_buyer(invoice=signed)
    assert send_due_letters() == {}
    assert not PaperSent.objects.exists()


def test_what_a_dead_worker_was_sending_is_sent_after_its_lease(signed: Invoice) -> None:
    send_to_buyer(invoice=signed)
    soon = timezone.now() + timedelta(minutes=1)
    PaperSent.objects.update(outcome=Post.SENDING, attempts=1, lease_until=soon)
    assert send_due_letters() == {}
    PaperSent.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert send_due_letters() == {Post.SENT: 1}


def test_a_buyer_without_an_address_is_shown_and_not_made_up(
    business: Business, account: Connection, issue: Callable[..., Invoice]
) -> None:
    receipt = stand_at(issue(make_draft(account.pk, kind="B2C", buyer=None)), Status.SIGNED)
    with pytest.raises(NotToSend, match="no e-mail address"):
        send_to_buyer(invoice=receipt)
    assert PaperSent.objects.get().outcome == Post.NO_ADDRESS
    assert send_due_letters() == {}


def test_a_name_with_line_breaks_adds_no_header(business: Business, issue: Callable[..., Invoice]) -> None:
    Business.objects.update(legal_name="Adupe\r\nBcc: all@people.example")
    odd = stand_at(issue(buyer=replace(BUYER, name="<b>Bold</b>\nBcc: x@y.example")), Status.SIGNED)
    send_to_buyer(invoice=odd)
    send_due_letters()
    [message] = mail.outbox
    assert message.recipients() == [BUYER.email]
    assert "<b>Bold" not in str(message.alternatives[0])  # type: ignore[attr-defined]
    assert message.message()["Bcc"] is None
