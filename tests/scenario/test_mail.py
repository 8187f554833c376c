"""Mail by SMTP (RFC 5321, 5322, 3207), against a server that is not ours: aiosmtpd."""

import concurrent.futures
import contextlib
import os
import re
import subprocess

import pytest

from mailkit import MailServer
from stackkit import BUILD, Stack, unique, wait_for
from test_accounts import confirm, new_name, refused, same, sign_in, sign_up, succeeded

FROM = "cistern@mail.example.org"
LOGIN = ("cistern", "p4ss word+")


def settings(server, **more):
    return {"CISTERN_SMTP_URL": server.url, "CISTERN_SMTP_FROM": FROM} | more


def running(stack_settings):
    return contextlib.closing(Stack(**stack_settings))


def file_in(server, name, text):
    path = server.folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def server():
    with contextlib.closing(MailServer()) as started:
        yield started


@pytest.fixture(scope="module")
def mailing(server):
    """A stack that sends through that server, with one text of the operator's own."""
    folder = server.folder / "templates"
    folder.mkdir()
    file_in(server, "templates/already_registered.txt",
            "Bestätigung für {name}: Sie haben schon ein Konto, und zwar bei „{app}“\r\n\r\n{name}\n.\n..\nÄnderungen: keine = nichts. {{\n")
    more = {"CISTERN_MAIL_QUEUE_MAX": "12",
            "CISTERN_MAIL_TEMPLATE_DIR": str(folder), "CISTERN_MAIL_APP_NAME": "Müllers Lampen"}
    with running(settings(server, **more)) as started:
        yield started


@pytest.fixture
def name():
    return new_name()


def code_of(message):
    (code,) = re.findall(r"\b\d{6}\b", message.get_content())
    return code


def lines_of(stack, event, name):
    return re.findall(rf"^.*event={event} .*\bto={re.escape(name)}.*$", stack.log("cisternd"), re.M)


def wait_line(stack, event, name):
    return wait_for(lambda: lines_of(stack, event, name), 30, f"{event} of {name}")


# --- what arrives -----------------------------------------------------------------------------------------------------


def test_a_code_arrives_and_confirms_the_account(mailing, server, name):
    assert succeeded(sign_up(mailing, name))
    sender, receivers, message, by_tls = server.take()
    assert (sender, receivers, by_tls) == (FROM, [name], False)
    assert message["From"] == FROM and message["To"] == name
    assert message["Subject"] == "Your confirmation code" and message["Auto-Submitted"] == "auto-generated"
    assert re.fullmatch(r"<[0-9a-f]{32}@mail\.example\.org>", message["Message-ID"])
    assert message["Date"].datetime.utcoffset().total_seconds() == 0
    assert "Müllers Lampen" in message.get_content() and "15 minutes" in message.get_content()
    assert succeeded(confirm(mailing, name, code_of(message))) and sign_in(mailing, name).status_code == 200


def test_the_operators_text_arrives_as_it_was_written(mailing, server, name):
    sign_up(mailing, name)
    assert succeeded(confirm(mailing, name, code_of(server.take_for(name))))
    assert succeeded(sign_up(mailing, name))
    message = server.take_for(name)
    assert message["Subject"] == f"Bestätigung für {name}: Sie haben schon ein Konto, und zwar bei „Müllers Lampen“"
    assert message.get_content().replace("\r\n", "\n") == f"{name}\n.\n..\nÄnderungen: keine = nichts. {{\n"
    assert not [defect for part in message.values() for defect in part.defects]


def test_an_invitation_is_told_to_whoever_has_the_address_a_few_times_an_hour(mailing, server):
    sender, known = mailing.user(), mailing.user()
    node_id = unique("shared")
    mailing.sql("INSERT INTO node (node_id) VALUES (%s)", node_id)
    mailing.sql("INSERT INTO node_user (node_id, user_id, role) VALUES (%s, %s, 'primary')", node_id, sender.id)

    def invite(to):
        answer = sender.put("/v1/user/nodes/sharing", {"nodes": [node_id], "user_name": to})
        assert answer.status_code == 200, answer.text
        return {key: text for key, text in answer.json().items() if key != "request_id"}

    told = []
    for name in (known.name, new_name()):
        told.append(invite(name))
        message = server.take_for(name)
        assert message["Subject"] == f"{sender.name} wants to share with you" and "1 device" in message.get_content()
    assert told[0] == told[1]  # the account is told of no more than the stranger
    names = [new_name() for _ in range(19)]
    for name in names:
        invite(name)
        if name != names[-1]:
            server.take_for(name)
    last = new_name()
    assert succeeded(sign_up(mailing, last))
    assert server.take()[1] == [last]  # and none to the one before


def test_a_name_that_looks_like_more_than_one_address_is_one(mailing, server):
    name = f"o'neil!#$%&*+/=?^_`{{|}}~-.{unique('x')}@example.org"
    assert succeeded(sign_up(mailing, name))
    assert server.take()[1] == [name]
    for bad in (f"a@b.c\r\nBcc: {name}", f"a@b.c>,<{name}", f"a@b.c {name}", f"a@b.c,{name}"):
        assert refused(sign_up(mailing, bad), 101002)


# --- failures ---------------------------------------------------------------------------------------------------------


def test_a_mail_that_is_put_off_is_delivered_once(mailing, server, name):
    server.answers.append("451 4.3.0 later")
    assert succeeded(sign_up(mailing, name))
    message = server.take_for(name)
    assert len(wait_line(mailing, "mail.retry", name)) == 1 and len(wait_line(mailing, "mail.sent", name)) == 1
    assert succeeded(confirm(mailing, name, code_of(message)))
    other = new_name()
    assert succeeded(sign_up(mailing, other))  # what came behind it is the next one, and not the same again
    assert server.take()[1] == [other]


def test_a_mail_that_is_put_off_after_its_last_byte_keeps_its_id(mailing, server, name):
    kept = []
    server.final_answers.append("452 4.2.2 full")
    original, server_class = server.handle_DATA, type(server)

    async def note(line, session, envelope):
        kept.append(re.search(rb"Message-ID: (\S+)", envelope.content)[1])
        return await server_class.handle_DATA(server, line, session, envelope)

    server.handle_DATA = note
    try:
        assert succeeded(sign_up(mailing, name))
        server.take_for(name)
    finally:
        server.handle_DATA = original
    assert len(kept) == 2 and kept[0] == kept[1]


@pytest.mark.parametrize("where", ["answers", "final_answers"])
def test_a_mail_that_is_refused_for_good_is_not_tried_again(mailing, server, name, where):
    getattr(server, where).append("550 5.1.1 no such user")
    assert succeeded(sign_up(mailing, name))
    (line,) = wait_line(mailing, "mail.failed", name)
    assert "level=error" in line and "550" in line and "tries=1" in line
    assert lines_of(mailing, "mail.retry", name) == []
    assert not re.search(r"\b\d{6}\b", line.partition("event=")[2])  # no code
    other = new_name()
    assert succeeded(sign_up(mailing, other))
    assert server.take()[1] == [other]


def test_mail_waits_for_a_server_that_is_away(mailing, server, name):
    server.stop()
    assert succeeded(sign_up(mailing, name))
    wait_line(mailing, "mail.retry", name)
    server.start()
    assert succeeded(confirm(mailing, name, code_of(server.take_for(name))))


def test_a_slow_server_holds_up_no_answer(mailing, server, name):
    with server.held():
        assert succeeded(sign_up(mailing, name))
        wait_for(lambda: server.tried.get_nowait() == name, what="the mail at the server")
        others = [new_name() for _ in range(5)]
        for other in others:
            assert succeeded(sign_up(mailing, other))  # nobody waits for the one in front
        assert lines_of(mailing, "mail.sent", name) == []
    for wanted in (name, *others):
        server.take_for(wanted)


def test_a_full_queue_tells_nobody_who_has_an_account(mailing, server, name):
    sign_up(mailing, name)
    assert succeeded(confirm(mailing, name, code_of(server.take_for(name))))
    with server.held(), concurrent.futures.ThreadPoolExecutor(16) as pool:
        def until_full(_):
            while (answer := sign_up(mailing, new_name())).status_code in (200, 503):  # 503: too many hash at once
                pass
            return answer
        full = list(pool.map(until_full, range(16)))
        assert {answer.status_code for answer in full} == {429}
        assert same(sign_up(mailing, name), sign_up(mailing, new_name()))
        assert sign_in(mailing, name).status_code == 200
    wait_for(lambda: sign_up(mailing, new_name()).status_code == 200, 30, "room in the queue")


# --- TLS and login ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secure_server():
    with contextlib.closing(MailServer(tls=True, login=LOGIN)) as started:
        yield started


def secure_settings(server, **more):
    password = file_in(server, "password", f"{LOGIN[1]}\n")
    return settings(server, CISTERN_SMTP_USER=LOGIN[0], CISTERN_SMTP_PASSWORD_FILE=password,
                    CISTERN_SMTP_CA_FILE=str(server.ca_file)) | more


def test_starttls_with_the_right_ca_and_then_the_login(own_stack, secure_server, name):
    stack = own_stack(**secure_settings(secure_server))
    assert succeeded(sign_up(stack, name))
    _, receivers, message, by_tls = secure_server.take()
    assert receivers == [name] and by_tls and secure_server.logins == [(LOGIN, True)]
    assert succeeded(confirm(stack, name, code_of(message)))
    assert LOGIN[1] not in stack.log("cisternd")


def test_a_server_that_another_ca_vouches_for_gets_neither_login_nor_mail(own_stack, secure_server, name):
    with contextlib.closing(MailServer(tls=True)) as other:
        stack = own_stack(**secure_settings(secure_server, CISTERN_SMTP_CA_FILE=str(other.ca_file)))
        secure_server.logins.clear()
        assert succeeded(sign_up(stack, name))
        wait_line(stack, "mail.retry", name)
        assert secure_server.logins == [] and secure_server.arrived.empty()


def test_a_server_without_tls_gets_neither_login_nor_mail(own_stack, server, secure_server, name):
    """As if somebody on the way had taken STARTTLS out of what it offers."""
    stack = own_stack(**secure_settings(secure_server, CISTERN_SMTP_URL=server.url))
    while not server.tried.empty():
        server.tried.get_nowait()
    assert succeeded(sign_up(stack, name))
    wait_line(stack, "mail.retry", name)
    assert server.tried.empty()


# --- templates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file_name, text, reason", [
    ("sign_up_code.txt", b"Code\n\n{cod}\n", "unknown place {cod}"),
    ("sign_up_kode.txt", b"Code\n\n{code}\n", "no mail template"),
    ("sign_up_code.txt", b"Code\n\n\xff\n", "not UTF-8"),
    ("sign_up_code.txt", b"Code\n\n" + b"x" * 8192, "longer than 8192"),
    ("sign_up_code.txt", b"{code}\n", "empty line"),
])
def test_a_template_that_will_not_do_stops_the_start(mailing, tmp_path, file_name, text, reason):
    """The daemon alone, with the settings of a stack that runs: it ends before it takes a port."""
    (tmp_path / file_name).write_bytes(text)
    environment = dict(os.environ, CISTERN_MAIL_TEMPLATE_DIR=str(tmp_path))
    ended = subprocess.run([str(BUILD / "cisternd"), "--config", str(mailing.home / "etc" / "cistern.conf")], env=environment,
                           capture_output=True, text=True, timeout=30)
    assert ended.returncode == 1 and reason in ended.stderr, ended.stderr
