import os
import stat
from pathlib import Path
from typing import Any

import pytest

from houseful.settings import (
    KEYS_OF,
    SERVICES,
    Secrets,
    SettingsError,
    load_secrets,
    load_settings,
    masked,
    new_secrets,
    own_environment,
)


def test_defaults_need_nothing() -> None:
    settings = load_settings({})
    assert (settings.host, settings.port, settings.base_url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "houseful.toml"
    file.write_text('port = 1\nhost = "file"\ndata = "file"\n')
    environment = {"HOUSEFUL_PORT": "2", "HOUSEFUL_HOST": "environment"}
    settings = load_settings(environment, file=file, port=3, host=None)
    assert (settings.port, settings.host, settings.data) == (3, "environment", "file")
    assert load_settings({"HOUSEFUL_CONFIG": str(file)}).port == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HOUSEFUL_PORT", "70000"), ("HOUSEFUL_PORT", "http"), ("HOUSEFUL_DEMO", "maybe"),
        ("HOUSEFUL_LOG_LEVEL", "loud"), ("HOUSEFUL_ACCESS_TOKEN_SECONDS", "601"),
        ("HOUSEFUL_SWEEP_SECONDS", "0"),
        ("HOUSEFUL_STORE_URL", "mysql://x"), ("HOUSEFUL_MAIL_URL", "http://x"), ("HOUSEFUL_PUBLIC_URL", "ftp://x"),
        ("HOUSEFUL_PROXIES", "-1"),
    ],
)  # fmt: skip
def test_every_error_names_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({variable: value})
    assert list(raised.value.errors) == [variable]


def test_all_errors_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"HOUSEFUL_PORT": "x", "HOUSEFUL_DEMO": "x"})
    assert set(raised.value.errors) == {"HOUSEFUL_PORT", "HOUSEFUL_DEMO"}


def test_a_file_with_an_unknown_name_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "houseful.toml"
    file.write_text("prot = 1\n")
    with pytest.raises(SettingsError, match="prot"):
        load_settings({}, file=file)
    with pytest.raises(SettingsError, match="can't be read"):
        load_settings({}, file=tmp_path / "missing.toml")


def test_passwords_are_masked() -> None:
    shown = masked(load_settings({"HOUSEFUL_MAIL_URL": "smtp://me:hidden@mail.example.org:587"}))
    assert shown["mail_url"] == "smtp://me:***@mail.example.org:587"


def test_keys_are_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    settings = load_settings({}, data=str(tmp_path / "data"))
    first, second = load_secrets(settings, {}), load_secrets(settings, {})
    assert first == second
    assert len(first.raw("token_key")) == 32
    assert stat.S_IMODE((tmp_path / "data" / "keys.toml").stat().st_mode) == 0o600
    assert (
        len({first.token_key, first.session_key, first.ticket_key, first.payments_key, first.webhook_keys})
        == 5
    )


def test_keys_of_the_environment_win(tmp_path: Path) -> None:
    settings = load_settings({}, data=str(tmp_path))
    kept = load_secrets(settings, {})
    given = load_secrets(settings, {"HOUSEFUL_PAYMENTS_KEY": "mine"})
    assert (given.payments_key, given.token_key) == ("mine", kept.token_key)
    with pytest.raises(SettingsError, match="32 bytes"):
        load_secrets(settings, {"HOUSEFUL_TOKEN_KEY": "short"})


@pytest.mark.parametrize("part", sorted(KEYS_OF))
def test_a_part_has_its_own_keys_and_no_other(tmp_path: Path, part: str) -> None:
    """Whether it is given only those, all of them as before, or a file with all."""
    settings = load_settings({}, data=str(tmp_path / "none"))
    every = new_secrets()
    own = {name: every[name] for name in KEYS_OF[part]}
    for given in (own, every):
        environment = {f"HOUSEFUL_{name.upper()}": key for name, key in given.items()}
        assert load_secrets(settings, environment, parts=[part], make=False) == Secrets(**own)
    kept = load_settings({}, data=str(tmp_path / "kept"))
    load_secrets(kept, {})
    found = load_secrets(kept, {}, parts=[part], make=False)
    assert {name for name in Secrets.__struct_fields__ if getattr(found, name)} == set(own)
    for name in set(own) - {"metrics_token"}:
        less = {f"HOUSEFUL_{one.upper()}": key for one, key in own.items() if one != name}
        with pytest.raises(SettingsError, match=f"HOUSEFUL_{name.upper()}: is missing"):
            load_secrets(settings, less, parts=[part], make=False)


def test_what_a_process_of_some_parts_is_given() -> None:
    keys = {f"HOUSEFUL_{name.upper()}": key for name, key in new_secrets().items()}
    environment = {**keys, "HOUSEFUL_PORT": "8000", "PATH": "/bin"}
    gateway = own_environment(environment, ["gateway"])
    assert set(gateway) == {"HOUSEFUL_GATEWAY_KEY", "HOUSEFUL_METRICS_TOKEN", "HOUSEFUL_PORT", "PATH"}
    assert own_environment(environment, KEYS_OF) == environment


def test_a_gateway_has_no_key_that_signs() -> None:
    assert set(KEYS_OF) == {"gateway", *SERVICES}
    signers = {
        name: [part for part in KEYS_OF if name in KEYS_OF[part]]
        for name in ("token_key", "session_key", "ticket_key")
    }
    assert signers == {"token_key": ["users"], "session_key": ["users"], "ticket_key": ["tickets"]}
    assert set(KEYS_OF["gateway"]) == {"gateway_key", "metrics_token"}


def test_keys_of_an_older_version_are_enough(tmp_path: Path) -> None:
    """A single process of an installation that was made before gateways had keys."""
    every = new_secrets()
    names = ("token_key", "session_key", "ticket_key", "payments_key", "webhook_keys")
    (tmp_path / "keys.toml").write_text("".join(f'{name} = "{every[name]}"\n' for name in names))
    found = load_secrets(load_settings({}, data=str(tmp_path)), {})
    assert {name: getattr(found, name) for name in names} == {name: every[name] for name in names}
    assert found.line_key, "what came later is made"
    assert found.place_key


def test_with_all_keys_in_the_environment_nothing_is_written(tmp_path: Path) -> None:
    settings = load_settings({}, data=str(tmp_path / "data"))
    key = "a" * 43
    names = [name.upper() for name in Secrets.__struct_fields__]
    assert load_secrets(settings, {f"HOUSEFUL_{name}": key for name in names}).token_key == key
    assert not (tmp_path / "data").exists()


def test_lost_keys_are_not_made_anew_in_silence(tmp_path: Path) -> None:
    settings = load_settings({}, data=str(tmp_path))
    load_secrets(settings, {})
    file = tmp_path / "keys.toml"
    file.write_text(
        "\n".join(line for line in file.read_text().splitlines() if not line.startswith("ticket_key"))
    )
    with pytest.raises(SettingsError, match="ticket_key"):
        load_secrets(settings, {})


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HOUSEFUL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOUSEFUL_PORT", "1234")
    assert load_settings().port == 1234


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("HOUSEFUL_RATE_LIMIT", "HOUSEFUL_RATE_LIMITS"),
        ("HOUSEFUL_RATELIMITS", "HOUSEFUL_RATE_LIMITS"),
        ("houseful_rate_limits", "HOUSEFUL_RATE_LIMITS"),
        ("Houseful_Port", "HOUSEFUL_PORT"),
        ("HOUSEFULL_RATE_LIMITS", "HOUSEFUL_RATE_LIMITS"),
        ("HOUSFUL_PUBLIC_URL", "HOUSEFUL_PUBLIC_URL"),
        ("HOUSEFUL_WEBHOOK_KEY", "HOUSEFUL_WEBHOOK_KEYS"),
        ("HOUSEFUL_PROXYS", "HOUSEFUL_PROXIES"),
        ("HOUSEFUL_PASWORD", "HOUSEFUL_PASSWORD"),
    ],
)
def test_a_misspelt_variable_is_named_with_the_one_that_was_meant(variable: str, meant: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({variable: "off"})
    assert raised.value.errors == {variable: f"is no setting; did you mean {meant}?"}


def test_a_variable_like_none_is_named_with_all_that_there_are() -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"HOUSEFUL_COLOUR": "red"})
    assert "HOUSEFUL_PUBLIC_URL" in raised.value.errors["HOUSEFUL_COLOUR"]


def test_what_others_say_in_the_environment_is_no_setting() -> None:
    """Tests, the password of `create-admin`, other programs, and Kubernetes about services named houseful…"""
    environment = {
        "HOUSEFUL_TEST_MONGO": "mongodb://127.0.0.1", "HOUSEFUL_PASSWORD": "x", "HOUSEFUL_TOKEN_KEY": "x",
        "HOUSE": "x", "HOUSEHOLD_PORT": "x", "PATH": "/bin", "HOUSEFUL": "x",
        "HOUSEFUL_SERVICE_HOST": "10.0.0.1", "HOUSEFUL_SERVICE_PORT": "80",
        "HOUSEFUL_SERVICE_PORT_HTTP": "80",
        "HOUSEFUL_PORT": "tcp://10.0.0.1:8000", "HOUSEFUL_PORT_8000_TCP": "tcp://10.0.0.1:8000",
        "HOUSEFUL_PORT_8000_TCP_PROTO": "tcp", "HOUSEFUL_PORT_8000_TCP_ADDR": "10.0.0.1",
        "HOUSEFUL_GATEWAY_SERVICE_HOST": "10.0.0.1", "HOUSEFUL_GATEWAY_PORT": "tcp://10.0.0.1:80",
        "HOUSEFUL_GATEWAY_PORT_80_TCP_PORT": "80", "HOUSEFUL_MAIL_FROM_PORT": "tcp://10.0.0.1:80",
    }  # fmt: skip
    assert load_settings(environment) == load_settings({})


def test_a_port_is_no_service_link_because_it_is_wrong() -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"HOUSEFUL_PORT": "http://10.0.0.1", "HOUSEFUL_GATEWAY_PORT": "80"})
    assert set(raised.value.errors) == {"HOUSEFUL_PORT", "HOUSEFUL_GATEWAY_PORT"}


def test_a_file_is_as_strict_as_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "houseful.toml"
    file.write_text('rate_limit = "off"\nport = "http"\ntoken_key = "x"\n[gateway]\nport = 1\n')
    with pytest.raises(SettingsError) as raised:
        load_settings({}, file=file)
    errors = {name.removeprefix(f"{file}: "): error for name, error in raised.value.errors.items()}
    assert set(errors) == {"rate_limit", "port", "token_key", "gateway"}
    assert errors["rate_limit"] == "is no setting; did you mean rate_limits?"
    assert "keys.toml" in errors["token_key"]
    file.write_bytes(b'host = "\xff"\n')
    with pytest.raises(SettingsError, match="can't be read"):
        load_settings({}, file=file)


@pytest.mark.parametrize(
    ("settings", "base_url"),
    [
        ({"host": "0.0.0.0"}, "http://127.0.0.1:8000"),
        ({"host": "0"}, "http://127.0.0.1:8000"),
        ({"host": ""}, "http://127.0.0.1:8000"),
        ({"host": "::"}, "http://[::1]:8000"),
        ({"host": "fd00::5"}, "http://[fd00::5]:8000"),
        ({"host": "box.lan", "port": 80}, "http://box.lan:80"),
        ({"host": "0.0.0.0", "gateway_url": "http://gw-1:8000,http://gw-2:8000"}, "http://gw-1:8000"),
        ({"host": "0.0.0.0", "public_url": "https://tickets.example.org/"}, "https://tickets.example.org"),
    ],
)
def test_links_lead_to_an_address_that_can_be_opened(settings: dict[str, Any], base_url: str) -> None:
    loaded = load_settings({}, **settings)
    assert loaded.base_url == base_url
    assert loaded.listens_everywhere is (settings["host"] in ("0.0.0.0", "0", "", "::"))


@pytest.mark.parametrize(
    "url",
    [
        "http://0.0.0.0:8000", "http://[::]:8000", "http://0", "https://tickets.example.org/shop",
        "https://tickets.example.org/?a=1", "https://tickets.example.org/#a", "https://me:x@tickets.example.org",
    ],
)  # fmt: skip
def test_a_public_url_that_no_link_can_begin_with_is_refused(url: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({"HOUSEFUL_PUBLIC_URL": url})
    assert list(raised.value.errors) == ["HOUSEFUL_PUBLIC_URL"]


def test_a_key_file_of_an_older_version_gets_the_keys_that_came_later(tmp_path: Path) -> None:
    settings = load_settings({}, data=str(tmp_path))
    first = load_secrets(settings, {})
    file = tmp_path / "keys.toml"
    old = [line for line in file.read_text().splitlines() if not line.startswith(("line_key", "place_key"))]
    file.write_text("\n".join(old) + "\n")
    second = load_secrets(settings, {})
    assert second.line_key not in ("", first.line_key)
    assert second == load_secrets(settings, {})
    assert second.ticket_key == first.ticket_key
    assert file.stat().st_mode & 0o777 == 0o600
