"""Personal data out of what is stored, and everything else left as it was."""

import re
import time
from ipaddress import IPv4Address, IPv6Address

import msgspec
import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from stdnum import iban, luhn
from stdnum.us import ssn

from contracts.events import (
    AppMessageReceived,
    CallErrorReported,
    ChatReceived,
    DialinConnected,
    ParticipantJoined,
    Word,
)
from contracts.queries import Caption
from services.ingest.bot.redaction import redact, redact_event
from tests.support.facts import at, heard

HEAD = {"session_id": "s1", "time": at(), "bot_id": "b1", "number": 0}
SPOKEN = "zero one two three four five six seven eight nine".split()  # noqa: SIM905 - reads better
PLACEHOLDERS = re.compile(r"\[(?:email|phone|card|iban|ssn|ip)\]")


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("mail ada.b+c@example.co.uk.", "mail [email]."),
        ("mailto:ada@example.com,bob@example.org", "mailto:[email],[email]"),
        ("ada\uff20example\uff0ecom", "[email]"),
        ("x.2125550123@example.com", "[email]"),
        ("call (555) 123-4567 now", "call [phone] now"),
        ("call 212-555-0123, please", "call [phone], please"),
        ("1-800-555-0199", "[phone]"),
        ("2125550123", "[phone]"),
        ("+44 20 7946 0958", "[phone]"),
        ("+1 555 123 4567", "[phone]"),
        ("+999 1234567", "[phone]"),
        ("+44 (0)20 7946 0958 at 10", "[phone] at 10"),
        ("0044 20 7946 0958", "[phone]"),
        ("011 44 20 7946 0958", "[phone]"),
        ("020 7946 0958", "[phone]"),
        ("01 23 45 67 89", "[phone]"),
        ("98765 43210", "[phone]"),
        ("(11) 96123-4567", "[phone]"),
        ("٠٢٠ ٧٩٤٦ ٠٩٥٨", "[phone]"),
        ("020\u00a07946\u20110958", "[phone]"),
        ("five five five, one two three four", "[phone]"),
        ("it's oh two oh seven nine four six oh nine five eight.", "it's [phone]."),
        ("Double five triple one two three", "[phone]"),
        ("5 5 5 1 2 3 4", "[phone]"),
        ("4111 1111 1111 1111 12/27", "[card] 12/27"),
        ("4111-1111-1111-1111", "[card]"),
        ("2024 4111 1111 1111 1111 5500 0000 0000 0004", "2024 [card] [card]"),
        ("378282246310005", "[card]"),
        ("DE89 3704 0044 0532 0130 00 is mine", "[iban] is mine"),
        ("gb82west12345698765432", "[iban]"),
        ("123-45-6789", "[ssn]"),
        ("my social security number is 123456789", "my social security number is [ssn]"),
        ("ping 192.168.0.1.", "ping [ip]."),
        ("http://10.0.0.1:8080/x", "http://[ip]:8080/x"),
        ("[2001:db8::1]:443", "[[ip]]:443"),
        ("::ffff:192.0.2.1", "[ip]"),
    ],
)
def test_what_names_a_person_is_replaced(text, redacted):
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "at 10:30, no, 10:30:15",
        "3 to 5",
        "between 1999 and 2024",
        "2019 2020 2021",
        "from 2019-2024",
        "2024-01-15 10:30",
        "on 01.02.2024 10:30",
        "15/01/2024",
        "03 05 2024",
        "$1,250,000.00",
        "$ 2125550123",
        "1 250 000 euros",
        "612 345 678 dollars",
        "612.345.678",
        "19.99 percent",
        "3.1415926535 and 0.2125550123",
        "1.4142135624",
        "version 3.11.4",
        "ISBN 978-3-16-148410-0",
        "order 12345678",
        "AB2125550123",
        "pages 100-200",
        "24/7 and 9 to 5",
        "one hundred twenty three thousand four hundred fifty six",
        "nineteen eighty four",
        "one, two, three, four",
        "4111 1111 1111 1112",
        "DE88370400440532013000",
        "000-12-3456",
        "256.1.1.1",
        "std::vector dead::beef",
        "@ada and ada@",
        "a@b",
        "[email] [phone]",
    ],
)
def test_other_numbers_stay(text):
    assert redact(text) == text


FILLER = st.text(st.sampled_from("abc XYZ.,;!?é中\n"), max_size=20)
DIGITS = st.text(st.sampled_from("0123456789"), min_size=1)


def formatted(number, grouped):
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4)) if grouped else number


@st.composite
def cards(draw):
    front = draw(st.text(st.sampled_from("0123456789"), min_size=12, max_size=18))
    return formatted(front + luhn.calc_check_digit(front), draw(st.booleans()))


@st.composite
def accounts(draw):
    country, digits = draw(st.sampled_from([("DE", 18), ("NO", 11), ("HU", 24), ("PL", 24)]))
    bban = draw(st.text(st.sampled_from("0123456789"), min_size=digits, max_size=digits))
    number = country + iban.calc_check_digits(f"{country}00{bban}") + bban
    assume(iban.is_valid(number, check_country=False))
    return formatted(number, draw(st.booleans()))


@st.composite
def social(draw):
    area, group, serial = (draw(st.integers(1, top)) for top in (899, 99, 9999))
    number = f"{area:03}-{group:02}-{serial:04}"
    assume(ssn.is_valid(number))
    return number


@st.composite
def phones(draw):
    region = draw(st.sampled_from(["US", "GB", "DE", "FR", "ES", "NL", "IN", "AU", "MX", "JP"]))
    kind = draw(st.sampled_from([PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE]))
    number = phonenumbers.example_number_for_type(region, kind)
    tail = draw(st.integers(0, 9999))
    number.national_number += tail - number.national_number % 10_000
    assume(phonenumbers.is_valid_number(number))
    form = draw(st.sampled_from(["E164", "INTERNATIONAL", "NATIONAL"]))
    return phonenumbers.format_number(number, getattr(PhoneNumberFormat, form))


@st.composite
def dictated(draw):
    digits = draw(st.lists(st.sampled_from(SPOKEN), min_size=7, max_size=15))
    return draw(st.sampled_from([" ", ", ", "-"])).join(digits)


EMAILS = st.from_regex(r"\A[a-z0-9][a-z0-9._+-]{0,20}@[a-z0-9]{1,10}(\.[a-z]{2,6}){1,2}\Z")
IPS = st.builds(lambda n: str(IPv4Address(n)), st.integers(0, 2**32 - 1)) | st.builds(
    lambda n: str(IPv6Address(n)), st.integers(2**125, 2**126 - 1)
)
PLANTED = st.one_of(cards(), accounts(), social(), phones(), dictated(), EMAILS, IPS)


@given(FILLER, PLANTED, FILLER)
def test_a_planted_number_never_survives(before, planted, after):
    text = f"{before} {planted} {after}"
    redacted = redact(text)
    assert PLACEHOLDERS.search(redacted)
    left = PLACEHOLDERS.sub("", redacted)
    assert not any(character.isdigit() for character in left)
    assert "@" not in left
    assert not set(left.casefold().replace("-", " ").replace(",", " ").split()) & set(SPOKEN)


MESSY = st.lists(
    st.one_of(PLANTED, FILLER, DIGITS, st.sampled_from([" ", "-", ".", "@", ":", "+", "(", ")"])),
    max_size=12,
)


@given(st.one_of(MESSY.map("".join), MESSY.map(" ".join), st.text()))
def test_redacting_again_changes_nothing(text):
    redacted = redact(text)
    assert redact(redacted) == redacted
    assert len(redacted) <= 2 * len(text)


@given(st.text(st.sampled_from("abc \n.,:;!?()[]-é中👍\u200d")))
def test_text_without_numbers_is_left_alone(text):
    assert redact(text) == text


@pytest.mark.parametrize(
    "piece",
    ["1 ", "0 ", "1/", "1-", "(1", "+1 ", "12.", "1.1.1.1 ", "a@", "AA00 ", "a:", "one ", "x", "1"],
)
def test_no_text_takes_long(piece):
    text = piece * (20_000 // len(piece))
    begun = time.process_time()
    redact(text)
    assert time.process_time() - begun < 8


def spoken(text, **fields):
    """A segment with a word for each piece of its text, a tenth of a second each."""
    pieces = enumerate(text.split())
    words = [Word(text=one, start=n / 10, end=n / 10 + 0.1, confidence=0.9) for n, one in pieces]
    return heard(1, text, words=tuple(words), **fields)


def test_words_under_a_number_become_one():
    event = redact_event(spoken("call 212 555 0123 or ada@example.com, please"))
    assert event.text == "call [phone] or [email], please"
    assert [(word.text, word.start, word.end, word.confidence) for word in event.words] == [
        ("call", 0.0, 0.1, 0.9),
        ("[phone]", 0.1, 0.4, None),
        ("or", 0.4, 0.5, 0.9),
        ("[email]", 0.5, 0.6, None),
        ("please", 0.6, 0.7, 0.9),
    ]


def test_words_that_do_not_show_what_the_text_shows_are_left_out():
    event = heard(1, "at 212-555-0123", words=(Word(text="two", start=0, end=1),))
    assert redact_event(event).words == ()
    both = spoken("a@b.co;c@d.co")
    assert redact_event(both).text == "[email];[email]"
    assert redact_event(both).words == ()


@given(st.lists(st.one_of(PLANTED, FILLER), max_size=5))
def test_the_words_of_a_redacted_segment_tell_nothing_more(pieces):
    event = redact_event(spoken(" ".join(pieces), speaker="Ada +44 20 7946 0958"))
    assert redact_event(event) == event
    assert event.speaker == "Ada [phone]"
    said = " ".join(word.text for word in event.words)
    assert redact(said) == said
    times = [(word.start, word.end) for word in event.words]
    assert times == sorted(times)


def test_every_string_of_a_message_is_redacted():
    message = {"to": ["ada@example.com", 5, None, {"bob@example.com": "020 7946 0958"}]}
    event = AppMessageReceived(**HEAD, sender_id="p1", message=message)
    redacted = redact_event(event)
    assert redacted.message == {"to": ["[email]", 5, None, {"[email]": "[phone]"}]}
    assert (redacted.sender_id, redacted.number) == ("p1", 0)


def test_names_and_lines_are_redacted_where_people_write_them():
    chat = ChatReceived(**HEAD, sender_id="p1", text="ada@example.com", name="+442079460958")
    assert redact_event(chat) == msgspec.structs.replace(chat, text="[email]", name="[phone]")
    joined = ParticipantJoined(
        session_id="s1", time=at(), participant_id="p1", name="+442079460958"
    )
    assert redact_event(joined).name == "[phone]"
    call = DialinConnected(**HEAD, connection_id="c1", sip_headers={"From": "+442079460958"})
    assert redact_event(call).sip_headers == {"From": "[phone]"}
    caption = Caption(
        session_id="s1", speaker_id="p1", speaker=None, track=None, text="123-45-6789", start=0.0
    )
    assert redact_event(caption) == msgspec.structs.replace(caption, text="[ssn]")


def test_what_is_about_nobody_is_left_as_it_is():
    event = CallErrorReported(**HEAD, detail="at 10.0.0.1")
    assert redact_event(event) is event
    plain = spoken("nothing to hide here")
    assert redact_event(plain) is plain
