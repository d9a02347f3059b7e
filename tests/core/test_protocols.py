"""The protocols."""

import inspect

from zoo.core import protocols


def test_no_protocol_has_data_members() -> None:
    """Which Python 3.12 looks up statically, and so does not find among submodules."""
    found = 0
    for name, protocol in vars(protocols).items():
        if not getattr(protocol, "_is_protocol", False) or name == "Protocol":
            continue
        found += 1
        for part in protocol.__mro__[:-1]:
            assert not inspect.get_annotations(part), f"{name} has data members"
            assert not [key for key, value in vars(part).items() if isinstance(value, property)]
    assert found > 10
