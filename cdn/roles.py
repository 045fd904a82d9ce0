"""What people and programs may do: roles, lowest first, and the scopes of tokens."""

from __future__ import annotations

RANK = {"viewer": 0, "operator": 1, "admin": 2}
# scope of a token → the role it acts as
SCOPES = {"read": "viewer", "operate": "operator", "admin": "admin"}
