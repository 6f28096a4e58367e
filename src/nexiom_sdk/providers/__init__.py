"""Providers: the contract, the registry, the one door for calls, and one file per adapter."""
