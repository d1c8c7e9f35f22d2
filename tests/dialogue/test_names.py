"""Names: userids for ever, display names that change and are one's own, whatever looks like them.

SPDX-License-Identifier: GPL-3.0-or-later
"""
import unicodedata

import pytest

from guests import kinds

# Each pair is one name to a reader: by case, by width, by composition.
ALIKE = [("Anna", "aNNA"), ("Anna", "\uff21\uff4e\uff4e\uff41"), ("\uc218\uc9c4", None),
         ("\u30ab\u30ca", "\uff76\uff85"), ("Stra\u00dfe", "STRASSE"), ("\u00c9ve", None),
         ("\ufb01n", "fin"),
         ("\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c3")]


def pair(hall, one, other):
    """The pair with something of the test's own behind it."""
    suffix = hall.name(".")
    one += suffix
    return one, unicodedata.normalize("NFD", one) if other is None else other + suffix


def named(guest, name):
    assert guest.say.ask("nick:" + name, "named") == [name]


@pytest.mark.parametrize("one,other", ALIKE)
def test_names_that_look_alike_collide(hall, one, other):
    one, other = pair(hall, one, other)
    assert one != other
    ann, ben = hall.guest(2)
    named(ann, one)
    assert ben.refusal("nick:" + other) == ben.refusal("nick:" + one) == "taken"
    named(ann, other)  # one's own in another spelling
    assert ben.refusal("nick:" + one) == "taken"
    named(ann, ann.userid)
    named(ben, one)


@pytest.mark.parametrize("one,other", ALIKE)
def test_names_and_userids_collide(hall, one, other):
    one, other = pair(hall, one, other)
    ann, = hall.guests_named(one)
    ben, = hall.guest(1)
    assert ben.refusal("nick:" + other) == "taken"
    named(ann, other)
    named(ann, hall.name("free"))
    assert ben.refusal("nick:" + other) == "taken"  # still his userid
    made = hall.daemon.ctl("user", "add", "--batch", "-", text=other + ":pw\n", check=False)
    assert made.returncode != 0 and other in made.stdout + made.stderr
    third, fourth = pair(hall, "new", "NEW")
    named(ben, third)
    made = hall.daemon.ctl("user", "add", "--batch", "-", text=fourth + ":pw\n", check=False)
    assert made.returncode != 0


def test_a_userid_stays_what_it_is(hall):
    ann, ben = hall.guest(2)
    name = hall.name("Annie")
    ben.listen()
    named(ann, name)
    ben.heard()
    again = hall.again(ann)
    assert again.say and again.session.display == name
    again.say.send(ben.userid, "x")
    message, = ben.heard()
    assert (message.userid, message.display) == (ann.userid, name)
    ben.say.send(ann.userid, "to the userid")
    assert ben.refused_to_send(name).code == "unknown"


def test_renaming_is_told_where_he_is(hall):
    ann, ben, out = hall.guest(3)
    rooms = [hall.name("#room") for _ in range(2)]
    for room in rooms:
        ann.say.room("join", room)
    ben.say.room("join", rooms[0])
    for guest in (ann, ben, out):
        guest.listen()
        guest.heard()
    name = hall.name("\uc568\ub9ac\uc2a4")
    named(ann, name)
    for guest, places in ((ben, [rooms[0], "*"]), (out, ["*"]), (ann, [])):
        notes = guest.heard()
        assert sorted(note.name for note in notes) == sorted(places)
        for note in notes:
            assert (note.kind, note.userid, note.display, note.text, note.room) == (
                "renamed", ann.userid, name, ann.userid, "-")
    named(ann, name)
    assert ben.heard() == out.heard() == []


def test_messages_keep_the_name_of_then(hall):
    ann, ben = hall.guest(2)
    room, name = hall.name("#room"), hall.name("New")
    for guest in (ann, ben):
        guest.say.room("join", room)
    ann.say.send(room, "one")
    ann.say.send(ben.userid, "direct one")
    named(ann, name)
    ann.say.send(room, "two")
    ann.say.send(ben.userid, "direct two")
    told = [(m.text, m.display) for m in ben.say.history(room) if not m.kind]
    assert told == [("one", ann.userid), ("two", name)]
    told = [(m.text, m.display) for m in ben.say.history(ann.userid)]
    assert told == [("direct one", ann.userid), ("direct two", name)]
    ben.listen()
    assert {m.text: m.display for m in ben.heard() if not m.kind} == {
        "one": ann.userid, "two": name, "direct one": ann.userid, "direct two": name}
    displays = {member.userid: member.display for member in ben.say.who(room)}
    assert displays == {ann.userid: name, ben.userid: ben.userid}


@pytest.mark.parametrize("name,code", [
    ("", "malformed"), ("a b", "malformed"), ("a\u00a0b", "malformed"), ("a\tb", "malformed"),
    ("a:b", "malformed"), ("*", "malformed"), ("#a", "malformed"), ("a/b", "malformed"),
    ("a%", "malformed"), ("a\u202eb", "malformed"), ("a\u200bb", "malformed"),
    ("a\u2066b", "malformed"), ("a\u00adb", "malformed"), ("a\x1bb", "malformed"),
    ("\u0080", "malformed"), ("\u3000", "malformed"), ("x" * 65, "too-long"),
    ("\uac00" * 22, "too-long")])
def test_names_that_nobody_can_have(hall, name, code):
    ann, = hall.guest(1)
    assert ann.refusal("nick:" + name) == code
    assert ann.say.send(ann.userid, "x") and ann.say.history(ann.userid)[-1].display == ann.userid


def test_a_name_is_free_again(hall):
    ann, ben = hall.guest(2)
    name, after = hall.name("Name"), hall.name("After")
    named(ann, name)
    assert ben.refusal("nick:" + name) == "taken"
    named(ann, after)
    named(ben, name)
    hall.daemon.ctl("user", "delete", ben.userid)
    named(ann, name.upper())


def test_two_at_once_get_one_name(hall):
    """Of many who ask at the same time for what looks alike, one gets it."""
    guests = hall.guest(12)
    name = hall.name("wanted")
    for number, guest in enumerate(guests):
        guest.say.write("nick:" + (name if number % 2 else name.upper()))
    answers = [guest.say.read() for guest in guests]
    assert sorted(answer[0] for answer in answers) == ["err"] * 11 + ["named"]
    assert {answer[1] for answer in answers if answer[0] == "err"} == {"taken"}


# -- Korean from end to end

def test_korean_from_end_to_end(hall):
    """Userids, names, rooms, topics, texts and whispers, composed and decomposed."""
    def decomposed(text):
        return unicodedata.normalize("NFD", text)

    minsu, jiwon = hall.guests_named(hall.name("\ubbfc\uc218"), hall.name("\uc9c0\uc6d0"))
    room = hall.name("#\uc218\ub2e4\ubc29")
    topic = "\uc624\ub298\uc758 \uc774\uc57c\uae30: \ud55c\uad6d\uc5b4"
    made = minsu.say.room("join", room)
    joined = jiwon.say.room("join", decomposed(room))
    assert joined.conversation == made.conversation and made.conversation.endswith("/" + room)
    jiwon.listen()
    minsu.say.change("topic:%s:%s" % (room, topic))
    nick = hall.name("\uc9c0\ub8e8\ud55c \uc624\ud6c4".replace(" ", ""))
    named(minsu, nick)
    assert jiwon.refusal("nick:" + decomposed(nick)) == "taken"
    minsu.say_in_turn(decomposed(room), "\uc548\ub155\ud558\uc138\uc694, 12:30 \uc5b4\ub54c\uc694?")
    minsu.say.send("%s/%s" % (room, jiwon.userid), "\uadd3\uc18d\ub9d0")
    minsu.say.send(jiwon.userid, decomposed("\ubd84\ud574\ub41c \uae00"))
    heard = jiwon.heard()
    assert kinds(heard)[:1] == [("topic", room, minsu.userid)] and heard[0].text == topic
    assert [(m.text, m.display) for m in heard if not m.kind] == [
        ("\uc548\ub155\ud558\uc138\uc694, 12:30 \uc5b4\ub54c\uc694?", nick),
        ("\uadd3\uc18d\ub9d0", nick), (decomposed("\ubd84\ud574\ub41c \uae00"), nick)]
    assert [m.text for m in jiwon.say.history(decomposed(room)) if not m.kind] == [
        "\uc548\ub155\ud558\uc138\uc694, 12:30 \uc5b4\ub54c\uc694?", "\uadd3\uc18d\ub9d0"]
    assert {(m.userid, m.display) for m in jiwon.say.who(room)} == {
        (minsu.userid, nick), (jiwon.userid, jiwon.userid)}
    assert jiwon.refused_to_send(decomposed(minsu.userid)).code == "unknown"  # byte for byte
