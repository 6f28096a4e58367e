"""Servers that speak the wire of each provider: pass one to `LoopbackServer` and drive its adapter against it."""
