"""Who is asking: verified claims, bound to every transaction of a session or a connection.

Three steps, each one call: :func:`guard` an engine where it is made, turn a token into an
:class:`Identity` (:class:`mivaa_schema.identity.tokens.TokenVerifier`, with the extra ``jwt``),
and :func:`identify` the session or the connection that answers the request.
"""

from mivaa_schema.identity.binding import IdentityMissing, guard, identify
from mivaa_schema.identity.claims import Identity

__all__ = ["Identity", "IdentityMissing", "guard", "identify"]
