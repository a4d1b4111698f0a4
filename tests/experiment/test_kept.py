"""The copy of a file that the evidence keeps: the file, but for secrets, and as readable as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gameday.experiment.kept import without_secrets
from gameday.redact import REDACTED, Redactor

REDACTOR = Redactor(["orders", "hunter-2", "123456"], ["orders", "POST /orders", "the orders drill"])


def kept(text: str, suffix: str = ".yaml", redactor: Redactor = REDACTOR) -> str:
    return without_secrets(text, suffix, redactor)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("title: the orders drill", "title: the orders drill"),
        ("- {name: orders, match: POST /orders}", "- {name: orders, match: POST /orders}"),
        ("secrets: {app: {username: orders}}", f'secrets: {{app: {{username: "{REDACTED}"}}}}'),
        ("secrets: {app: {u: {type: env, key: orders}}}", "secrets: {app: {u: {type: env, key: orders}}}"),
        ("note: hunter-2 is it  # hunter-2", f'note: "{REDACTED} is it"  # {REDACTED}'),
        ("# a\n# password: abc\nx: 1", f"# a\n# password: {REDACTED}\nx: 1"),
        ("orders: 1\n'the orders': 2", f'orders: 1\n"the {REDACTED}": 2'),
        ("pin: 123456", f'pin: "{REDACTED}"'),
        ("pin: 123_456", f'pin: "{REDACTED}"'),
        ("key: !!binary aHVudGVyLTI=", f'key:  "{REDACTED}"'),
        ("token: [abc, 5]", f'token: ["{REDACTED}", "{REDACTED}"]'),
        ("dbpass: abc", f'dbpass: "{REDACTED}"'),
        ('a: "hunter-2 \\x7f\\u2028"', f'a: "{REDACTED} \\u007f\\u2028"'),
        ("name: &x orders\nsecrets: {app: {u: *x}}", f'name: &x "{REDACTED}"\nsecrets: {{app: {{u: *x}}}}'),
        ("secrets: {app: {u: &x a hunter-2}}\nb: *x", f'secrets: {{app: {{u: &x "{REDACTED}"}}}}\nb: *x'),
        ("a: &x [hunter-2, *x]", f'a: &x ["{REDACTED}", *x]'),
        ("password: ${from_env}", "password: ${from_env}"),
        ("password: null\ntoken:", "password: null\ntoken:"),
        ("url: http://app:abc@db/x", f'url: "http://app:{REDACTED}@db/x"'),
        ("[mysql, --password, abc]", f'[mysql, --password, "{REDACTED}"]'),
        ("a: !!int 123456\nb: !!int 7", f'a:  "{REDACTED}"\nb: !!int 7'),
        ("a: &x hunter-2\nb: *x", f'a: &x "{REDACTED}"\nb: *x'),
        ("a: 1\na: hunter-2", f'a: 1\na: "{REDACTED}"'),
        ("a: |\n  hunter-2\n  b\nc: 1", f"a: |\n  {REDACTED}\n  b\nc: 1"),
        ("a: |  # hunter-2\n  b\n", f"a: |  # {REDACTED}\n  b\n"),
        ("a: >-\n  hunter-2\n  b\n\nc: 1", f"a: >-\n  {REDACTED}\n  b\n\nc: 1"),
        ("a:\n  'b\n\n  hunter-2'", f'a:\n  "b\\n{REDACTED}"'),
        ("? hunter-2 x\n: 1", f'? "{REDACTED} x"\n: 1'),
        ("? [a, b]\n: hunter-2", f'? [a, b]\n: "{REDACTED}"'),
        ("", ""),
    ],
)
def test_only_secrets_are_taken_out(before: str, after: str) -> None:
    assert kept(before) == after


def test_a_secret_over_two_lines_of_a_block_is_taken_out() -> None:
    redactor = Redactor(["one two"])
    assert yaml.safe_load(kept("a: >\n  x one\n  two y\nb: 1\n", redactor=redactor)) == {
        "a": f"x {REDACTED} y\n",
        "b": 1,
    }


def test_a_private_key_in_a_block_leaves_the_rest_of_the_file() -> None:
    key = "-----BEGIN PRIVATE KEY-----\n  abcdef\n  ghijkl"
    text = f"a: |\n  {key}\n  -----END PRIVATE KEY-----\n  x\nb: |\n  {key}\nc: 1\n"
    assert yaml.safe_load(kept(text)) == {
        "a": f"-----BEGIN PRIVATE KEY-----{REDACTED}\nx\n",
        "b": f"-----BEGIN PRIVATE KEY-----{REDACTED}\n",
        "c": 1,
    }


def test_json_stays_json_also_with_tabs() -> None:
    document = {"name": "orders", "secrets": {"app": {"pw": "x", "n": 5}}, "a": "hunter-2 \x7f"}
    text = json.dumps(document, indent="\t")
    assert json.loads(kept(text, ".json")) == {
        "name": "orders",
        "secrets": {"app": {"pw": REDACTED, "n": REDACTED}},
        "a": f"{REDACTED} \x7f",
    }
    assert kept(text, ".json").count("\t") == text.count("\t")


def test_json_that_yaml_cannot_read_is_written_anew() -> None:
    assert json.loads(kept('{"a": "hunter-2\\/"  ,\n\t"b"\t:\t"\x7f"}', ".json")) == {
        "a": f"{REDACTED}/",
        "b": "\x7f",
    }


SCALARS = st.one_of(
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=12),
    st.sampled_from(["orders", "hunter-2", "a hunter-2\nb", "'\"hunter-2: #", "POST /orders", "- hunter-2"]),
    st.integers(),
    st.booleans(),
    st.none(),
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inside: st.one_of(
        st.lists(inside, max_size=3),
        st.dictionaries(st.sampled_from(["name", "secrets", "orders", "x y", "type", "output"]), inside),
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("style", [None, "|", ">", "'", '"'])
@settings(max_examples=30)
@given(document=DOCUMENTS, is_flow=st.booleans())
def test_the_copy_reads_as_the_cleaned_file_does(document: Any, style: str | None, is_flow: bool) -> None:
    text = yaml.safe_dump(document, default_style=style, default_flow_style=is_flow, allow_unicode=True)
    assert yaml.safe_load(kept(text)) == REDACTOR.data(yaml.safe_load(text))


@settings(max_examples=30)
@given(document=DOCUMENTS)
def test_a_file_without_secrets_is_kept_byte_by_byte(document: Any) -> None:
    text = yaml.safe_dump(document, allow_unicode=True)
    assert without_secrets(text, ".yaml", Redactor()) == text or "secrets" in text
