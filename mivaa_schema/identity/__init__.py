"""The identity of a request: verified claims, set in every transaction of a session or connection.

Three calls: :func:`guard` an engine where it is created, turn a token into an :class:`Identity`
(:class:`mivaa_schema.identity.tokens.TokenVerifier`, with the extra ``jwt``), and
:func:`identify` the session or the connection that answers the request.
"""

from mivaa_schema.identity.binding import IdentityMissing, guard, identify
from mivaa_schema.identity.claims import Identity

__all__ = ["Identity", "IdentityMissing", "guard", "identify"]
