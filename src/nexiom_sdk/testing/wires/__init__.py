"""Loopback servers that speak the wire of each provider: pass one to `LoopbackServer`, and drive an adapter against it."""
