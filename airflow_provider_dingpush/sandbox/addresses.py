"""Which addresses may call."""

from __future__ import annotations

import ipaddress


def is_allowed_ip(allowed_ips: tuple[str, ...], client_address: str) -> bool:
    """Return whether an address is in one of the IPv4 addresses and ranges; no IPv6 address is."""
    address = ipaddress.ip_address(client_address)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in ipaddress.IPv4Network(allowed, strict=False) for allowed in allowed_ips)
