"""Dependable AI video generation."""
