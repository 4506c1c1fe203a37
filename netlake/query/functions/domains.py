"""The registrable domain of a host name, by the Public Suffix List in the package tldextract (no network access).

The algorithm is that of publicsuffix.org: the rule with the most labels applies, an exception has priority, and a name
that no rule matches has its last label as public suffix. The private section of the list (hosters) is not used.
"""

from __future__ import annotations

from functools import cache

from netlake.query.functions.declared import function


@cache
def _rules() -> frozenset[str]:
    """The rules of the list, those with other letters also in their ASCII form."""
    from tldextract import TLDExtract

    rules = TLDExtract(cache_dir=None, suffix_list_urls=()).tlds
    return frozenset(rules) | {ascii_form(rule) for rule in rules if not rule.isascii()}


def ascii_form(name: str) -> str:
    """`name` with its labels as in DNS (punycode); unchanged where a label has no such form."""
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def suffix_labels(labels: list[str]) -> int:
    """How many of the last labels are the public suffix."""
    rules = _rules()
    for start in range(len(labels)):
        name = ".".join(labels[start:])
        if f"!{name}" in rules:
            return len(labels) - start - 1
        if name in rules or ".".join(["*", *labels[start + 1 :]]) in rules:
            return len(labels) - start
    return 1


@function("VARCHAR", "registrable_domain('www.example.co.uk') = 'example.co.uk'", name="VARCHAR")
def registrable_domain(name: str) -> str | None:
    """The domain of a host name that can be registered, in lower case; null for public suffixes and addresses."""
    from netlake.query.functions.addresses import parsed

    text = name.lower().removesuffix(".")
    labels = text.split(".")
    if len(text) > 255 or not all(labels) or parsed(text) is not None:
        return None
    count = suffix_labels(labels) + 1
    return ".".join(labels[-count:]) if len(labels) >= count else None


FUNCTIONS = (registrable_domain,)
