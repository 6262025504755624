"""Thin absl binaries: parse, build, call."""
