"""The formats of a principal's id, an object id or a user principal name, as patterns that match the whole text."""

_HEX = "[0-9A-Fa-f]"
GUID = f"{_HEX}{{8}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{4}}-{_HEX}{{12}}"

# Before the at sign: letters, digits and ' . - _ ! # ^ ~ (Entra, "userPrincipalName"), and + which synchronized
# directories have. After it: a domain name of two labels or more (RFC 1123).
_DOMAIN_LABEL = "(?!-)[A-Za-z0-9-]+(?<!-)"
PRINCIPAL = rf"(?:{GUID}|[A-Za-z0-9'._!#^~+-]{{1,64}}@(?:{_DOMAIN_LABEL}\.)+{_DOMAIN_LABEL})"
